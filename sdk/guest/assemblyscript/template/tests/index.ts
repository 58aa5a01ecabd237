import { Json, Sample, Scored, Settings } from "../patchbay/assembly";
import { {{Name}} } from "../assembly/strategy";

function day(open: u16): Sample {
  let day = new Sample(100_000);
  let ada = day.agent("ada"), ben = day.agent("ben");
  day.agentAt(ada).idle_since = 90_000;
  day.agentAt(ben).idle_since = 50_000;
  day.agentAt(ben).open = open;
  day.offer(day.work("support"), [ada, ben]);
  return day;
}

/** Ada is agent 0, Ben agent 1. */
function asked(open: u16, settings: string): u32 {
  let strategy = new {{Name}}();
  assert(strategy.configure(new Settings(Json.parse(settings)!)) === null, "the settings are refused");
  let made = day(open).play(new Scored(strategy));
  assert(made.length == 1, "one is asked");
  return made[0].agent;
}

export function test_longest_idle_first(): void {
  assert(asked(0, "{}") == 1, "Ben has been idle longest");
}

export function test_open_work_counts(): void {
  assert(asked(1, "{}") == 0, "Ben is busy");
  assert(asked(1, "{\"busy_seconds\":0}") == 1, "and it does not matter");
}

export function test_settings_are_checked(): void {
  let strategy = new {{Name}}();
  assert(strategy.configure(new Settings(Json.parse("{\"busy\":1}")!)) !== null, "an unknown setting was taken");
}
