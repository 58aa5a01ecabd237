// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// A router in TypeScript: it dials a Patchbay host, takes work with those who may
// be asked, and proposes who has been idle for longest. Only decide is about
// routing; the rest is how a router talks, and needs no packages.

import { WebSocket } from "./websocket";

const manifest = {
  name: "idle-typescript",
  version: "1.0.0",
  view: "candidates",
  deterministic: true,
  reasons: [{ code: 1, name: "longest_idle", text: "Idle for longest of those who could take it." }],
};

/** After these refusals dialling again cannot help. */
const final = ["unauthenticated", "no_common_version", "invalid"];

/** What this router reads of a turn. */
interface Frame {
  now: number;
  agents?: { ref: number; idle_since: number }[];
  work?: { ref: number; revision: number }[];
  items?: { work: number; candidates: { agent: number }[] }[];
}

/** What this router reads of the host's messages. */
interface FromHost {
  welcome?: { resume_token: string; resumed: boolean; lease?: number; ping_ms: number };
  lead?: { lease: number };
  ask?: { lease: number; turn: number; frame: Frame };
  ping?: { number: number };
  drained?: { lease: number };
  notice?: { code: string; text: string };
  refused?: { code: string; message: string };
}

interface Reply {
  proposals: { work: number; revision: number; agent: number; rank: number; reason: string }[];
}

/** Proposes for each item its candidates, who has been idle for longest first. Whoever has no room any more is passed over. */
function decide({ now, agents = [], work = [], items = [] }: Frame): Reply {
  return {
    proposals: items.flatMap((item) => {
      const row = work[item.work]!;
      return item.candidates
        .map((candidate) => agents[candidate.agent]!)
        .sort((a, b) => (a.idle_since || now) - (b.idle_since || now))
        .slice(0, 3)
        .map((agent, rank) => ({ work: row.ref, revision: row.revision, agent: agent.ref, rank, reason: "longest_idle" }));
    }),
  };
}

/** The router's side of a session, over all its connections. */
class Router {
  private line: WebSocket | undefined;
  private session = ""; // the resume token
  private lease = 0;
  private applied = 0;
  private answer: Reply | undefined; // to the turn applied last
  private returned = false; // the session was resumed, and no turn has come since
  private pause = 50;
  private silence = 60_000;

  constructor(
    private readonly url: string,
    private readonly strategy: string,
    private readonly token: string,
    private readonly name: string,
  ) {}

  dial(): void {
    this.silence = 60_000;
    const line = new WebSocket(
      this.url,
      () => this.say({ hello: this.hello() }),
      (text) => {
        line.expect(this.silence);
        this.take(JSON.parse(text) as FromHost);
        line.expect(this.silence);
      },
      (why) => {
        console.error(`the line is lost: ${why.message}`);
        setTimeout(() => this.dial(), this.pause * (0.5 + Math.random() / 2));
        this.pause = Math.min(2 * this.pause, 5000);
      },
    );
    this.line = line;
  }

  /** Says goodbye, so that another router leads at once, and ends. */
  leave(): void {
    this.say({ leave: { reason: "the router is told to end" } });
    this.line?.end();
    setTimeout(() => process.exit(0), 50);
  }

  private say(message: object): void {
    this.line?.send(JSON.stringify(message));
  }

  private hello(): object {
    const resume = this.session ? { token: this.session, lease: this.lease, applied: this.applied } : undefined;
    return { strategy: this.strategy, token: this.token, router: this.name, manifest, resume };
  }

  /** Takes one message of the host; those it does not know are passed over. */
  private take({ welcome, lead, ask, ping, drained, notice, refused }: FromHost): void {
    if (welcome) {
      this.session = welcome.resume_token;
      this.pause = 50;
      this.silence = 3 * welcome.ping_ms;
      if (!welcome.resumed || (welcome.lease ?? 0) !== this.lease) {
        this.lease = 0;
      }
      this.returned = this.lease !== 0;
    } else if (lead) {
      [this.lease, this.applied, this.answer, this.returned] = [lead.lease, 0, undefined, false];
      this.say({ configured: { lease: this.lease } });
    } else if (ask && ask.lease === this.lease) {
      const again = this.returned && ask.turn === this.applied && this.answer;
      this.answer = again || decide(ask.frame);
      [this.applied, this.returned] = [ask.turn, false];
      this.say({ answer: { lease: this.lease, turn: ask.turn, reply: this.answer } });
    } else if (ping) {
      this.say({ pong: { number: ping.number } });
    } else if (drained && drained.lease === this.lease) {
      this.lease = 0;
    } else if (notice) {
      console.error(`the host says: ${notice.code} ${notice.text}`);
    } else if (refused) {
      console.error(`refused: ${refused.code} ${refused.message}`);
      if (final.includes(refused.code)) {
        process.exit(1);
      }
    }
  }
}

const env = process.env;
const router = new Router(
  env.PATCHBAY_URL ?? "ws://127.0.0.1:7460/v1/routers/session",
  env.PATCHBAY_STRATEGY ?? "vendor",
  env.PATCHBAY_TOKEN ?? "",
  env.PATCHBAY_NAME ?? "typescript",
);
process.on("SIGTERM", () => router.leave());
process.on("SIGINT", () => router.leave());
router.dial();
