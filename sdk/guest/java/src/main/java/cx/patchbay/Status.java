// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/** Tells how a turn went, as its reply's header says it. */
enum Status {
    OK,
    NEED_SNAPSHOT,
    STALE_EPOCH,
    BAD_FRAME,
    NOT_READY,
    OVER_BUDGET,
    INTERNAL
}
