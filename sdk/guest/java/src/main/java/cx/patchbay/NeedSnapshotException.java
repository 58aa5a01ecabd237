// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/** Thrown by a strategy whose board is out of step: it asks for a snapshot. */
public final class NeedSnapshotException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Asks for a snapshot. */
    public NeedSnapshotException() {
        super("board out of step: a snapshot is needed", null, false, false);
    }
}
