// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/** Thrown by a strategy that gives up because its budget ran out. */
public final class OverBudgetException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Gives the turn up. */
    public OverBudgetException() {
        super("the budget of the turn ran out", null, false, false);
    }
}
