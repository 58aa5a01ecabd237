// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The first rung: how good is this agent for this work? */
public abstract class Score extends Strategy {
    /** How good a pair is, with what people are told of it; the reason may be null. */
    public record Scored(double score, Reason reason) {
        /** A score without a word. */
        public Scored(double score) {
            this(score, null);
        }
    }

    /**
     * Returns how good the pair is, higher is better. Null means that this agent is not to be offered this work. Of equals
     * the host's order decides. The host does the rest: order of the work, room in the agents' capacity, who may be asked
     * at all.
     */
    public abstract Scored score(Turn turn, Item item, Candidate candidate);

    @Override
    public final View view() {
        return View.CANDIDATES;
    }

    @Override
    public final void turn(Turn turn, Reply reply) {
        for (Item item : turn.items()) {
            List<Choice> found = new ArrayList<>();
            for (Candidate candidate : item.candidates()) {
                Scored got = score(turn, item, candidate);
                if (got != null) {
                    found.add(new Choice(candidate, got.score(), got.reason()));
                }
            }
            found.sort(Comparator.comparingDouble(c -> -c.score()));
            reply.propose(item, found);
        }
    }
}
