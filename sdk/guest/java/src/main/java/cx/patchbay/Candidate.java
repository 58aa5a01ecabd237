// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Agent;
import cx.patchbay.Rows.Member;
import cx.patchbay.Rows.Skill;
import java.util.LinkedHashMap;
import java.util.Map;

/** An agent who may be offered an item now. */
public final class Candidate {
    private final Person person;
    private final int takes;

    Candidate(Person person, int takes) {
        this.person = person;
        this.takes = takes;
    }

    /** Returns the agent as the frame has it. */
    public Agent row() {
        return person.row;
    }

    /** Returns the thousandths that the work would take of the agent's capacity. */
    public int takes() {
        return takes;
    }

    /** Returns the agent's id. */
    public String name() {
        return person.turn.text(person.row.name());
    }

    /** Returns the name of the agent's presence status. */
    public String status() {
        return person.turn.text(person.row.status());
    }

    /** Returns the skills the agent holds: name to thousandths of a level. */
    public Map<String, Integer> skills() {
        return person.skills();
    }

    /** Returns the queues of this turn that the agent belongs to: name to tier. */
    public Map<String, Integer> tiers() {
        return person.tiers();
    }

    /** Returns the thousandths of primary capacity that the agent has free. */
    public int free() {
        return person.row.capacity() - person.row.used();
    }

    /** Returns for how many milliseconds the agent has held nothing; 0 while it holds something. */
    public long idle(long now) {
        return person.row.idleSince() == 0 ? 0 : now - person.row.idleSince();
    }

    /** An agent of a turn, whom several items may name. */
    static final class Person {
        private final Turn turn;
        private final Agent row;
        private Map<String, Integer> skills;
        private Map<String, Integer> tiers;

        Person(Turn turn, Agent row) {
            this.turn = turn;
            this.row = row;
        }

        private Map<String, Integer> skills() {
            if (skills == null) {
                skills = new LinkedHashMap<>();
                for (Skill s : Turn.of(turn.skills, row.skills())) {
                    skills.put(turn.text(s.name()), (int) s.level());
                }
            }
            return skills;
        }

        private Map<String, Integer> tiers() {
            if (tiers == null) {
                tiers = new LinkedHashMap<>();
                for (Member m : Turn.of(turn.members, row.members())) {
                    String queue = turn.queueName(m.queue());
                    if (!queue.isEmpty()) {
                        tiers.put(queue, m.tier());
                    }
                }
            }
            return tiers;
        }
    }
}
