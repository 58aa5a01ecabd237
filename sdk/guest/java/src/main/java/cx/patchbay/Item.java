// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Attribute;
import cx.patchbay.Rows.Channel;
import cx.patchbay.Rows.Need;
import cx.patchbay.Rows.Work;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Work that is to be decided on, with those who may be offered it. */
public final class Item {
    private final Turn turn;
    private final Work row;
    private final List<Candidate> candidates;
    private Map<String, String> attributes;

    Item(Turn turn, Rows.Item row, List<Candidate.Person> people) {
        this.turn = turn;
        this.row = turn.work.get((int) row.work());
        this.candidates = Turn.of(turn.candidateRows, row.candidates()).stream()
                .map(c -> new Candidate(people.get((int) c.agent()), c.takes()))
                .toList();
    }

    /** Returns the work as the frame has it. */
    public Work row() {
        return row;
    }

    /** Returns who may be offered it now, best first by the model of the queue; at least one. */
    public List<Candidate> candidates() {
        return candidates;
    }

    /** Returns the work's id, such as "w42". */
    public String id() {
        return "w" + Long.toUnsignedString(row.sequence());
    }

    /** Returns for how many milliseconds the customer has waited. */
    public long age() {
        return turn.now() - row.requestedAt();
    }

    /** Returns its priority; 0 is the highest. */
    public int priority() {
        return row.priority();
    }

    /** Returns the name of its queue. */
    public String queue() {
        return turn.queueName(row.queue());
    }

    /** Returns the name of its channel. */
    public String channel() {
        for (Channel c : turn.channels) {
            if (c.ordinal() == row.channel()) {
                return turn.text(c.name());
            }
        }
        return "";
    }

    /** Returns its attributes, those that the admin lets through. */
    public Map<String, String> attributes() {
        if (attributes == null) {
            attributes = new LinkedHashMap<>();
            for (Attribute a : Turn.of(turn.attributes, row.attributes())) {
                attributes.put(turn.text(a.name()), turn.string(a.value()));
            }
        }
        return attributes;
    }

    /** Returns the skills it requires, by name, dropped ones among them. */
    public Map<String, Need> needs() {
        Map<String, Need> needs = new LinkedHashMap<>();
        for (Need n : Turn.of(turn.needs, row.needs())) {
            needs.put(turn.text(n.name()), n);
        }
        return needs;
    }

    /** Returns the agents whom it may not be offered to now. */
    public List<String> declined() {
        return Turn.of(turn.ids, row.declined()).stream().map(turn::text).toList();
    }

    /** Returns the agent who is preferred or required; "" if none is. */
    public String preferred() {
        return turn.text(row.agent());
    }

    /** Returns the outside reference; "" unless the admin lets it through. */
    public String external() {
        return turn.text(row.external());
    }
}
