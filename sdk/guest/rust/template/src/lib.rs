//! {{name}}: who has been idle longest is asked first; each assignment that is
//! open at an agent counts against it.

use patchbay::{Agent, Manifest, Reason, Score, Scored, Settings, Turn, Work};

const LONGEST_IDLE: u16 = 1;

const MANIFEST: Manifest = Manifest {
    name: "{{name}}",
    version: "0.1.0",
    reasons: &[Reason { code: LONGEST_IDLE, name: "longest_idle", text: "Idle longest." }],
    settings_schema: include_str!("../settings.json"),
    ..Manifest::EMPTY
};

patchbay::export!(MANIFEST, Scored::new({{Name}} { busy_seconds: 60 }));

struct {{Name}} {
    busy_seconds: i64,
}

impl Score for {{Name}} {
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        settings.only(&["busy_seconds"])?;
        self.busy_seconds = settings.number("busy_seconds", 60.0)? as i64;
        Ok(())
    }

    /// Higher is better; `None` keeps the work from the agent.
    fn score(&mut self, turn: &Turn<'_>, _work: &Work, agent: &Agent) -> Option<i32> {
        let seconds = turn.idle_ms(agent) / 1000 - self.busy_seconds * i64::from(agent.open);
        Some(seconds.clamp(-1_000_000, 1_000_000) as i32)
    }

    fn reason(&self) -> u16 {
        LONGEST_IDLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay::sample::Sample;

    #[test]
    fn longest_idle_first() {
        let mut day = Sample::new(100_000);
        let ada = day.agent("ada", &[]);
        let ben = day.agent("ben", &[]);
        day.agents[ada].idle_since = 90_000;
        day.agents[ben].idle_since = 50_000;
        let (first, second) = (day.work("support", &[]), day.work("support", &[]));
        day.offer(first, &[ada, ben]);
        day.offer(second, &[ada, ben]);
        let made = day.play(&mut Scored::new({{Name}} { busy_seconds: 60 })).unwrap();
        assert_eq!(made, [(first, ben), (second, ada)]);
    }

    #[test]
    fn open_work_counts() {
        let mut day = Sample::new(100_000);
        let ada = day.agent("ada", &[]);
        let ben = day.agent("ben", &[]);
        day.agents[ada].idle_since = 90_000;
        day.agents[ben].idle_since = 50_000;
        day.agents[ben].open = 1;
        let call = day.work("support", &[]);
        day.offer(call, &[ada, ben]);
        assert_eq!(day.play(&mut Scored::new({{Name}} { busy_seconds: 60 })).unwrap(), [(call, ada)]);
        assert_eq!(day.play(&mut Scored::new({{Name}} { busy_seconds: 0 })).unwrap(), [(call, ben)]);
    }
}
