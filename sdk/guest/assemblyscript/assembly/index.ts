// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * Routing strategies for Patchbay, written in AssemblyScript and run by the
 * host as WebAssembly modules.
 *
 * A strategy decides which agent is offered which work. The host asks it in
 * turns; it answers with proposals, which the host settles: a proposal that does
 * not hold is refused without harm. There are three rungs to stand on:
 *
 * 1. `Score`: a number for a pair of work and agent; `Scored` does the rest.
 * 2. `Pick`: a choice among the candidates of one work, by `Picked`.
 * 3. `Strategy`: the whole turn, for those who keep a board of their own.
 *
 * A module's entry file makes its strategy known and exports what the host
 * calls:
 *
 *     export { patchbay_abi, patchbay_buffer, patchbay_cold, patchbay_turn } from "./patchbay/assembly";
 *     run(new Manifest("longest-idle", "1.0.0"), new Scored(new LongestIdle()));
 *
 * Compile with `--runtime minimal` and `--use abort=` (or a function of yours):
 * the library collects garbage between turns.
 *
 * **Memory.** Rows are read where the host wrote them; they are valid until the
 * turn returns, so copy what you keep. The library allocates nothing in a turn
 * once the largest has been seen. `Turn.text` makes a string; comparing by
 * `Turn.is` does not.
 *
 * **Determinism.** There is no clock but `Turn.now` and no randomness but
 * `Turn.random`: the same turns give the same replies. `Math.random` and
 * `Date.now` are not to be had.
 *
 * Times are Unix milliseconds, 0 for never. Capacity and sizes are milli-units,
 * levels of skills thousandths.
 */

export * from "./rows";
export * from "./frame";
export * from "./turn";
export * from "./reply";
export * from "./settings";
export * from "./ladder";
export * from "./manifest";
export * from "./guest";
export * from "./sample";
