// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/**
 * Decides, turn by turn, which agent is offered which work. {@link Score} and {@link Pick} are the easy rungs; a class
 * that extends this one gets the whole board and its changes, see {@link Board}. Calls never overlap.
 */
public abstract class Strategy {
    /** What a strategy's turns show. */
    public enum View {
        /** The board, kept in step by snapshots and deltas. */
        BOARD,
        /** Items with their candidates, and nothing to keep between turns. */
        CANDIDATES
    }

    /** Returns what its turns are to show. */
    public View view() {
        return View.BOARD;
    }

    /**
     * Takes the admin's settings, which the host has checked by the plugin's schema. {@link SettingsException} refuses
     * them; keep those before in force then. It is called before the first turn, and whenever settings change.
     */
    public void configure(Settings settings) {}

    /**
     * Takes one turn and fills in the reply. {@link NeedSnapshotException} asks for a snapshot; any other exception means
     * broken.
     */
    public abstract void turn(Turn turn, Reply reply);

    /** Lets go of what the strategy holds. */
    public void close() {}
}
