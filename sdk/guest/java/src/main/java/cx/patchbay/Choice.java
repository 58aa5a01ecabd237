// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/**
 * A candidate that was chosen, with what people are told of it.
 *
 * @param candidate Whom to offer the work.
 * @param score How good the pair is.
 * @param reason Why; may be null.
 */
public record Choice(Candidate candidate, double score, Reason reason) {
    /** Chooses a candidate without a word. */
    public Choice(Candidate candidate) {
        this(candidate, 0, null);
    }
}
