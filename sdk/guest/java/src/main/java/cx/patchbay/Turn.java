// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Agent;
import cx.patchbay.Rows.Attribute;
import cx.patchbay.Rows.Channel;
import cx.patchbay.Rows.Gone;
import cx.patchbay.Rows.Header;
import cx.patchbay.Rows.Member;
import cx.patchbay.Rows.Need;
import cx.patchbay.Rows.Queue;
import cx.patchbay.Rows.Settled;
import cx.patchbay.Rows.Skill;
import cx.patchbay.Rows.Span;
import cx.patchbay.Rows.Table;
import cx.patchbay.Rows.Word;
import cx.patchbay.Rows.Work;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One question of the host: what there is to decide, and when.
 *
 * <p>Its lists hold rows as they came. Names in rows are dictionary ids, which {@link #text(int)} follows; in a candidates
 * turn they hold for this turn only, in turns of the board until the word comes again. Times are Unix milliseconds,
 * capacity and sizes are thousandths.
 */
public final class Turn {
    private final Header header;
    private final Kind kind;
    private final byte[] bytes;
    private final Dice dice;
    private final Map<Integer, String> names = new HashMap<>();
    private List<Item> items;

    /** What left the board. */
    public final List<Gone> workGone, agentsGone, queuesGone;
    /** The words that came with this turn. */
    public final List<Word> words;
    /** The channels that came with this turn. */
    public final List<Channel> channels;
    /** The queues that came with this turn. */
    public final List<Queue> queues;
    /** The agents that came with this turn. */
    public final List<Agent> agents;
    /** The work that came with this turn. */
    public final List<Work> work;
    /** What became of earlier proposals. */
    public final List<Settled> settled;
    /** What spans of agents refer to. */
    public final List<Member> members;
    /** What spans of agents refer to. */
    public final List<Skill> skills;
    /** What spans of work refer to. */
    public final List<Need> needs;
    /** What spans of work refer to. */
    public final List<Attribute> attributes;
    /** What spans of work refer to: dictionary ids. */
    public final List<Integer> ids;
    /** Items as the frame has them; candidates turns only. */
    public final List<Rows.Item> itemRows;
    /** Candidates as the frame has them; candidates turns only. */
    public final List<Rows.Candidate> candidateRows;

    /** Reads a frame. Throws {@link FrameException} if it is no turn. */
    public Turn(byte[] data) {
        Frame f = new Frame(data);
        header = f.header;
        kind = Kind.of(header.kind());
        dice = new Dice(header.seed());
        workGone = f.rows(Table.WORK, Frame.GONE, Gone.SIZE, Gone::read);
        agentsGone = f.rows(Table.AGENT, Frame.GONE, Gone.SIZE, Gone::read);
        queuesGone = f.rows(Table.QUEUE, Frame.GONE, Gone.SIZE, Gone::read);
        words = f.rows(Table.WORD, Frame.PUT, Word.SIZE, Word::read);
        channels = f.rows(Table.CHANNEL, Frame.PUT, Channel.SIZE, Channel::read);
        queues = f.rows(Table.QUEUE, Frame.PUT, Queue.SIZE, Queue::read);
        agents = f.rows(Table.AGENT, Frame.PUT, Agent.SIZE, Agent::read);
        work = f.rows(Table.WORK, Frame.PUT, Work.SIZE, Work::read);
        settled = f.rows(Table.SETTLED, Frame.PUT, Settled.SIZE, Settled::read);
        members = f.rows(Table.MEMBER, Frame.PUT, Member.SIZE, Member::read);
        skills = f.rows(Table.SKILL, Frame.PUT, Skill.SIZE, Skill::read);
        needs = f.rows(Table.NEED, Frame.PUT, Need.SIZE, Need::read);
        attributes = f.rows(Table.ATTRIBUTE, Frame.PUT, Attribute.SIZE, Attribute::read);
        itemRows = f.rows(Table.ITEM, Frame.PUT, Rows.Item.SIZE, Rows.Item::read);
        candidateRows = f.rows(Table.CANDIDATE, Frame.PUT, Rows.Candidate.SIZE, Rows.Candidate::read);
        ids = f.ids();
        bytes = f.bytes();
        check();
        for (Word w : words) {
            names.put((int) w.id(), string(w.text()));
        }
    }

    /** Checks that every span and index lies within its list. */
    private void check() {
        for (Word r : words) {
            fits("word", r.text(), bytes.length);
        }
        for (Attribute r : attributes) {
            fits("attribute", r.value(), bytes.length);
        }
        for (Agent r : agents) {
            fits("agent", r.members(), members.size());
            fits("agent", r.skills(), skills.size());
        }
        for (Work r : work) {
            fits("work", r.needs(), needs.size());
            fits("work", r.declined(), ids.size());
            fits("work", r.attributes(), attributes.size());
        }
        for (Rows.Item r : itemRows) {
            fits("item", r.candidates(), candidateRows.size());
            fits("item", new Span((int) r.work(), 1), work.size());
        }
        for (Rows.Candidate r : candidateRows) {
            fits("candidate", new Span((int) r.agent(), 1), agents.size());
        }
    }

    private static void fits(String what, Span span, int length) {
        if (Integer.toUnsignedLong(span.at()) + Integer.toUnsignedLong(span.n()) > length) {
            throw new FrameException(what + " row: a span reaches past its list");
        }
    }

    /** Returns what this turn holds. */
    public Kind kind() {
        return kind;
    }

    /** Returns the number of this start of the instance. */
    public long epoch() {
        return header.epoch();
    }

    /** Returns the number of the turn. */
    public long seq() {
        return header.seq();
    }

    /** Returns the turn on whose state a delta builds. */
    public long baseSeq() {
        return header.baseSeq();
    }

    /** Returns the host's time. A strategy uses no other clock. */
    public long now() {
        return header.now();
    }

    /** Returns the microseconds that the turn may take; 0 means no limit. */
    public long budget() {
        return header.budget();
    }

    /** Returns the digest of the board once the turn is applied; 0 if it is not given. */
    public long digest() {
        return header.digest();
    }

    /** Returns random numbers that are the same whenever this turn is played again. */
    public Dice dice() {
        return dice;
    }

    /** Returns the word of an id that came with this turn; "" if none did. */
    public String text(int word) {
        return names.getOrDefault(word, "");
    }

    /** Returns the words that came with this turn, by id. */
    Map<Integer, String> names() {
        return names;
    }

    /** Returns the text of a span of the bytes. */
    public String string(Span span) {
        return new String(bytes, span.at(), span.n(), StandardCharsets.UTF_8);
    }

    /** Returns the rows of a span. */
    static <T> List<T> of(List<T> list, Span span) {
        return list.subList(span.at(), span.at() + span.n());
    }

    /** Returns the name of a queue that came with this turn; "" if it did not. */
    String queueName(long ref) {
        for (Queue q : queues) {
            if (q.ref() == ref) {
                return text(q.name());
            }
        }
        return "";
    }

    /** Returns the work to decide on, what is first to be decided first; candidates turns only. */
    public List<Item> items() {
        if (items == null) {
            List<Candidate.Person> people = agents.stream().map(row -> new Candidate.Person(this, row)).toList();
            items = new ArrayList<>(itemRows.size());
            for (Rows.Item row : itemRows) {
                items.add(new Item(this, row, people));
            }
        }
        return items;
    }
}
