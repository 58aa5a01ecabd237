// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy;

import cx.patchbay.Candidate;
import cx.patchbay.Choice;
import cx.patchbay.Item;
import cx.patchbay.Pick;
import cx.patchbay.Plugin;
import cx.patchbay.Reason;
import cx.patchbay.Reply;
import cx.patchbay.Rows.NeedFlags;
import cx.patchbay.Settings;
import cx.patchbay.Turn;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Who knows it best and has rested longest: agents are picked by their levels in the skills that the work requires and by
 * how long they have been idle. Two settings say how much each counts, and how long agents rest at least.
 */
public final class SkilledIdle extends Pick {
    private static final Reason BEST = new Reason(1, "skilled_and_idle", "Best by skill and time idle.");
    private static final Reason RESTING = new Reason(2, "resting", "All who could take it are resting.");

    /** The strategy's package. */
    public static final Plugin PLUGIN =
            new Plugin("skilled-idle", "1.0.0", SkilledIdle::new).withReasons(BEST, RESTING).withSettings("""
                    {
                      "type": "object",
                      "additionalProperties": false,
                      "properties": {
                        "skill_share": {
                          "description": "how much skill counts, in per cent; the rest is for time idle",
                          "type": "integer", "minimum": 0, "maximum": 100, "default": 50
                        },
                        "rest_seconds": {
                          "description": "how long agents are left alone after their last work",
                          "type": "integer", "minimum": 0, "maximum": 3600, "default": 0
                        }
                      }
                    }""");

    private long share = 50;
    private long rest;

    @Override
    public void configure(Settings settings) {
        share = settings.integer("skill_share", 50);
        rest = settings.integer("rest_seconds", 0) * 1000;
    }

    @Override
    public List<Choice> pick(Turn turn, Item item, Reply reply) {
        List<String> wanted = new ArrayList<>();
        item.needs().forEach((name, need) -> {
            if ((need.flags() & NeedFlags.DROPPED) == 0) {
                wanted.add(name);
            }
        });
        List<Choice> found = new ArrayList<>();
        for (Candidate candidate : item.candidates()) {
            long idle = candidate.idle(turn.now());
            long since = candidate.row().idleSince();
            if (since != 0 && idle < rest) {
                reply.wake(since + rest);
                continue;
            }
            long sum = wanted.stream().mapToLong(name -> candidate.skills().getOrDefault(name, 0)).sum();
            long skill = Math.min(sum, 10_000);
            long rested = Math.min(Math.floorDiv(idle, 60), 10_000); // ten minutes count as much as level 10
            found.add(new Choice(candidate, Math.floorDiv(share * skill + (100 - share) * rested, 100), BEST));
        }
        if (found.isEmpty()) {
            reply.note(item.row(), RESTING);
        }
        found.sort(Comparator.comparingDouble(choice -> -choice.score()));
        return found;
    }
}
