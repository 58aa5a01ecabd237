// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.util.List;

/** The second rung: which of these agents for this work? */
public abstract class Pick extends Strategy {
    /**
     * Returns whom to offer the work, best first; nobody lets it wait. The reply is there to note why work waits, or to
     * ask for a turn later.
     */
    public abstract List<Choice> pick(Turn turn, Item item, Reply reply);

    @Override
    public final View view() {
        return View.CANDIDATES;
    }

    @Override
    public final void turn(Turn turn, Reply reply) {
        for (Item item : turn.items()) {
            reply.propose(item, pick(turn, item, reply));
        }
    }
}
