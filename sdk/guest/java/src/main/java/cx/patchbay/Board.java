// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Attribute;
import cx.patchbay.Rows.Gone;
import cx.patchbay.Rows.Member;
import cx.patchbay.Rows.Need;
import cx.patchbay.Rows.Queue;
import cx.patchbay.Rows.Skill;
import cx.patchbay.Rows.Table;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The board, kept in step turn by turn: what the host knows and this strategy has been sent. {@link #apply} takes a turn;
 * it throws {@link NeedSnapshotException} if the turn does not follow on, and the board is then empty until a snapshot
 * comes.
 */
public final class Board {
    /**
     * An agent on the board, with lists that outlive the turn.
     *
     * @param row The agent as the frame had it.
     * @param name The agent's id.
     * @param status The name of the presence status.
     * @param members The queues the agent belongs to, by their refs.
     * @param skills Name to thousandths of a level.
     */
    public record Agent(
            Rows.Agent row, String name, String status, Map<Long, Member> members, Map<String, Integer> skills) {}

    /**
     * Work on the board, with lists that outlive the turn.
     *
     * @param row The work as the frame had it.
     * @param needs The skills it requires, by name.
     * @param declined The agents it may not be offered to now.
     * @param attributes Its attributes, those that the admin lets through.
     * @param agent The agent who is preferred or required; "" if none is.
     */
    public record Work(
            Rows.Work row, Map<String, Need> needs, Set<String> declined, Map<String, String> attributes, String agent) {}

    private final Map<Long, Agent> agents = new HashMap<>();
    private final Map<Long, Work> work = new HashMap<>();
    private final Map<Long, Queue> queues = new HashMap<>();
    private final Map<Integer, String> channels = new HashMap<>();
    private final Map<Integer, String> words = new HashMap<>();
    private long epoch;
    private long seq;
    private boolean whole; // no page of a snapshot is missing
    private long sum;

    /** Returns the agents by ref. */
    public Map<Long, Agent> agents() {
        return agents;
    }

    /** Returns the work by ref. */
    public Map<Long, Work> work() {
        return work;
    }

    /** Returns the queues by ref. */
    public Map<Long, Queue> queues() {
        return queues;
    }

    /** Returns the names of the channels by ordinal. */
    public Map<Integer, String> channels() {
        return channels;
    }

    /** Returns the word of an id; "" for 0 and for what never came. */
    public String text(int word) {
        return words.getOrDefault(word, "");
    }

    /** Returns the fold over all rows that the host's digest is compared with. */
    public long digest() {
        return (sum >>> 32) ^ (sum & 0xffff_ffffL);
    }

    /** Brings the board up to date. */
    public void apply(Turn turn) {
        try {
            follow(turn);
            takeGone(turn);
            take(turn);
            if (turn.digest() != 0 && turn.digest() != digest()) {
                throw new NeedSnapshotException();
            }
        } catch (NeedSnapshotException e) {
            forget();
            throw e;
        }
    }

    private void forget() {
        List.of(agents, work, queues, channels, words).forEach(Map::clear);
        epoch = 0;
        seq = 0;
        whole = false;
        sum = 0;
    }

    /** Checks that the turn builds on what is here. */
    private void follow(Turn turn) {
        boolean follows =
                switch (turn.kind()) {
                    case SNAPSHOT, SNAPSHOT_FIRST -> true;
                    case DELTA -> whole && turn.baseSeq() == seq;
                    default -> !whole && turn.seq() == seq + 1;
                };
        if (turn.kind() == Kind.SNAPSHOT || turn.kind() == Kind.SNAPSHOT_FIRST) {
            forget();
        } else if (!follows || turn.epoch() != epoch || seq == 0) {
            throw new NeedSnapshotException();
        }
        epoch = turn.epoch();
        seq = turn.seq();
        whole = turn.kind().asks();
    }

    private void takeGone(Turn turn) {
        for (Gone gone : turn.workGone) {
            Work there = work.remove(gone.ref());
            if (there != null) {
                takeOff(gone, there.row().gen(), foldOf(there.row()));
            }
        }
        for (Gone gone : turn.agentsGone) {
            Agent there = agents.remove(gone.ref());
            if (there != null) {
                takeOff(gone, there.row().gen(), foldOf(there.row()));
            }
        }
        for (Gone gone : turn.queuesGone) {
            Queue there = queues.remove(gone.ref());
            if (there != null) {
                takeOff(gone, there.gen(), foldOf(there));
            }
        }
    }

    private void takeOff(Gone gone, long gen, long fold) {
        if (gone.gen() != gen) {
            throw new NeedSnapshotException();
        }
        sum ^= fold;
    }

    private void take(Turn turn) {
        words.putAll(turn.names());
        turn.channels.forEach(c -> channels.put(c.ordinal(), text(c.name())));
        for (Queue row : turn.queues) {
            Queue old = queues.put(row.ref(), row);
            sum ^= foldOf(row) ^ (old == null ? 0 : foldOf(old));
        }
        for (Rows.Agent row : turn.agents) {
            Agent old = agents.put(row.ref(), agent(turn, row));
            sum ^= foldOf(row) ^ (old == null ? 0 : foldOf(old.row()));
        }
        for (Rows.Work row : turn.work) {
            Work old = work.put(row.ref(), item(turn, row));
            sum ^= foldOf(row) ^ (old == null ? 0 : foldOf(old.row()));
        }
    }

    private Agent agent(Turn turn, Rows.Agent row) {
        Map<Long, Member> members = new HashMap<>();
        Turn.of(turn.members, row.members()).forEach(m -> members.put(m.queue(), m));
        Map<String, Integer> skills = new HashMap<>();
        for (Skill s : Turn.of(turn.skills, row.skills())) {
            skills.put(text(s.name()), (int) s.level());
        }
        return new Agent(row, text(row.name()), text(row.status()), members, skills);
    }

    private Work item(Turn turn, Rows.Work row) {
        Map<String, Need> needs = new HashMap<>();
        Turn.of(turn.needs, row.needs()).forEach(n -> needs.put(text(n.name()), n));
        Set<String> declined = new HashSet<>();
        Turn.of(turn.ids, row.declined()).forEach(id -> declined.add(text(id)));
        Map<String, String> attributes = new HashMap<>();
        for (Attribute a : Turn.of(turn.attributes, row.attributes())) {
            attributes.put(text(a.name()), turn.string(a.value()));
        }
        return new Work(row, needs, declined, attributes, text(row.agent()));
    }

    private static long foldOf(Rows.Agent row) {
        return fold(Table.AGENT, row.ref(), row.gen(), row.version());
    }

    private static long foldOf(Rows.Work row) {
        return fold(Table.WORK, row.ref(), row.gen(), row.revision());
    }

    private static long foldOf(Queue row) {
        return fold(Table.QUEUE, row.ref(), row.gen(), row.version());
    }

    private static long fold(long table, long ref, long gen, long version) {
        return Dice.scramble((ref << 32 | gen) ^ Dice.scramble(table << 32 | version));
    }
}
