// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/** Tells what a turn holds. */
public enum Kind {
    /** Changes since the turn that its baseSeq names. Proposals are wanted. */
    DELTA(1),
    /** The whole board at once. Proposals are wanted. */
    SNAPSHOT(2),
    /** The first page of a snapshot: the board is emptied first. */
    SNAPSHOT_FIRST(3),
    /** A further page of a snapshot. */
    SNAPSHOT_MORE(4),
    /** The last page of a snapshot. Proposals are wanted. */
    SNAPSHOT_LAST(5),
    /** Items with their candidates, which stand alone. Proposals are wanted. */
    CANDIDATES(6);

    final int number;

    Kind(int number) {
        this.number = number;
    }

    static Kind of(int number) {
        for (Kind kind : values()) {
            if (kind.number == number) {
                return kind;
            }
        }
        throw new FrameException("kind " + number + " is not that of a turn");
    }

    /** Whether proposals are wanted. */
    public boolean asks() {
        return this != SNAPSHOT_FIRST && this != SNAPSHOT_MORE;
    }
}
