import { Agent, Score, Settings, Turn, Work } from "../patchbay/assembly";

export const LONGEST_IDLE: u16 = 1;

/**
 * Who has been idle longest is asked first; each assignment that is open at an
 * agent counts against it.
 */
export class {{Name}} extends Score {
  private busySeconds: i64 = 60;

  constructor() {
    super();
    this.reason = LONGEST_IDLE;
  }

  configure(settings: Settings): string | null {
    settings.only(["busy_seconds"]);
    let seconds = settings.number("busy_seconds", 60);
    if (settings.error === null) this.busySeconds = <i64>seconds;
    return settings.error;
  }

  /** Higher is better; NOBODY keeps the work from the agent. */
  score(turn: Turn, work: Work, agent: Agent): i32 {
    let seconds = turn.idle(agent) / 1000 - this.busySeconds * <i64>agent.open;
    return <i32>max<i64>(-1000000, min<i64>(seconds, 1000000));
  }
}
