// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Agent;
import cx.patchbay.Rows.Note;
import cx.patchbay.Rows.Proposal;
import cx.patchbay.Rows.Work;
import java.util.ArrayList;
import java.util.List;

/** One answer: what the strategy wishes. */
public final class Reply {
    /** How many candidates of an item are proposed at most. */
    public static final int RANKS = 16;

    private final List<Proposal> proposals = new ArrayList<>();
    private final List<Note> notes = new ArrayList<>();
    private long wakeAt;
    private long digest;

    /**
     * Adds a proposal: offer this work to this agent. Several for one work, ranked 0, 1, 2 and so on, are tried until one
     * holds. The score is for people, and rounded; the reason may be null.
     */
    public void propose(Work work, Agent agent, double score, Reason reason, int rank) {
        int whole = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, Math.round(score)));
        int code = reason == null ? 0 : reason.code();
        proposals.add(new Proposal(work.ref(), work.revision(), agent.ref(), whole, code, rank));
    }

    /** Proposes the choices for an item, best first. */
    public void propose(Item item, List<Choice> choices) {
        for (int rank = 0; rank < Math.min(RANKS, choices.size()); rank++) {
            Choice c = choices.get(rank);
            propose(item.row(), c.candidate().row(), c.score(), c.reason(), rank);
        }
    }

    /** Says why work waits. */
    public void note(Work work, Reason reason) {
        notes.add(new Note(work.ref(), reason.code()));
    }

    /** Asks for a turn at that time though nothing changes. The earliest of several holds. */
    public void wake(long at) {
        wakeAt = wakeAt == 0 ? at : Math.min(wakeAt, at);
    }

    /** Says the digest of the strategy's own board, see {@link Board#digest()}. */
    public void digest(long digest) {
        this.digest = digest;
    }

    /** Returns the proposals so far. */
    public List<Proposal> proposals() {
        return proposals;
    }

    /** Returns the notes so far. */
    public List<Note> notes() {
        return notes;
    }

    /** Returns the frame that answers a turn. */
    byte[] write(long epoch, long seq) {
        return Frame.write(Frame.reply(Status.OK, epoch, seq, Math.max(0, wakeAt), digest), List.of(
                Frame.part(Proposal.TABLE, Frame.PUT, Proposal.SIZE, proposals, Proposal::write),
                Frame.part(Note.TABLE, Frame.PUT, Note.SIZE, notes, Note::write)));
    }
}
