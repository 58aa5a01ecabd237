// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * Strategies for Patchbay in TypeScript and JavaScript.
 *
 * A strategy decides which agent is offered which work. The least is a class
 * with one method and a line that serves it:
 *
 *     import { Score, serve, type Candidate, type Item, type Turn } from "./patchbay";
 *
 *     class Oldest extends Score {
 *       score(_turn: Turn, item: Item, _candidate: Candidate) { return item.age; }
 *     }
 *
 *     serve({ name: "oldest", version: "0.1.0", create: () => new Oldest() });
 *
 * There are three rungs: Score rates a pair, Pick chooses among an item's
 * candidates, Strategy gets the whole board and its changes (see Board). The
 * host keeps the board, knows who may be asked, and checks every proposal; what
 * a strategy gets wrong is refused and does no harm.
 *
 * The package needs Node 20 or later, and nothing else.
 */

export { Board, type BoardAgent, type BoardWork } from "./board";
export { Dice } from "./dice";
export { FrameError, Kind, NeedSnapshot, OverBudget, Status } from "./frame";
export { type Level, log } from "./log";
export { type Choice, Pick, type Plugin, type Reason, Score, type Scored, SettingsError, Strategy } from "./plugin";
export { serve } from "./process";
export { AgentFlags, Model, NeedFlags, QueueFlags, Table, Verdict, WorkFlags, WorkState } from "./rows";
export { Candidate, Item, Reply, Turn } from "./turn";
