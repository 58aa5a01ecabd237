// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! Who knows it best and has rested longest: agents are scored by their levels
//! in the skills that the work requires and by how long they have been idle.
//! Two settings say how much each counts, and how long agents rest at least.

use patchbay::{Agent, Manifest, Reason, Reply, Score, Scored, Settings, Turn, Work};

const BEST: u16 = 1;
const RESTING: u16 = 2;

const MANIFEST: Manifest = Manifest {
    name: "skilled-idle",
    version: "1.0.0",
    reasons: &[
        Reason { code: BEST, name: "skilled_and_idle", text: "Best by skill and time idle." },
        Reason { code: RESTING, name: "resting", text: "All who could take it are resting." },
    ],
    settings_schema: include_str!("../settings.json"),
    ..Manifest::EMPTY
};

patchbay::export!(MANIFEST, Scored::new(SkilledIdle::new()));

/// The strategy.
pub struct SkilledIdle {
    share: i64,   // how much skill counts, in per cent; the rest is for time idle
    rest_ms: i64, // how long agents are left alone after their last work
    wake_at: i64, // when the first who rests is ready; 0 for never
}

impl SkilledIdle {
    /// The strategy with default settings.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { share: 50, rest_ms: 0, wake_at: 0 }
    }
}

impl Score for SkilledIdle {
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        settings.only(&["skill_share", "rest_seconds"])?;
        let share = settings.number("skill_share", 50.0)?;
        let rest = settings.number("rest_seconds", 0.0)?;
        if !(0.0..=100.0).contains(&share) {
            return Err(format!("skill_share is {share}, but must be from 0 to 100"));
        }
        if !(0.0..=3600.0).contains(&rest) {
            return Err(format!("rest_seconds is {rest}, but must be from 0 to 3600"));
        }
        (self.share, self.rest_ms) = (share as i64, (rest * 1000.0) as i64);
        Ok(())
    }

    fn score(&mut self, turn: &Turn<'_>, work: &Work, agent: &Agent) -> Option<i32> {
        let idle = turn.idle_ms(agent);
        if agent.idle_since != 0 && idle < self.rest_ms {
            let ready = agent.idle_since + self.rest_ms;
            if self.wake_at == 0 || ready < self.wake_at {
                self.wake_at = ready;
            }
            return None;
        }
        let skill = i64::from(turn.skill_sum(work, agent).min(10_000));
        let rested = (idle / 60).min(10_000); // ten minutes count as much as level 10
        Some(((self.share * skill + (100 - self.share) * rested) / 100) as i32)
    }

    fn reason(&self) -> u16 {
        BEST
    }

    fn waits(&self) -> u16 {
        RESTING
    }

    fn finish(&mut self, _turn: &Turn<'_>, reply: &mut Reply) {
        if self.wake_at != 0 {
            reply.wake_by(self.wake_at);
            self.wake_at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay::sample::Sample;

    fn strategy(settings: &str) -> Scored<SkilledIdle> {
        let mut s = SkilledIdle::new();
        s.configure(&Settings::parse(settings).unwrap()).unwrap();
        Scored::new(s)
    }

    /// Ada knows more German, Ben has been idle for longer.
    fn day() -> Sample {
        let mut day = Sample::new(1_000_000);
        let ada = day.agent("ada", &[("german", 9.0), ("chess", 9.0)]);
        let ben = day.agent("ben", &[("german", 4.0)]);
        day.agents[ada].idle_since = day.now - 30_000;
        day.agents[ben].idle_since = day.now - 300_000;
        let call = day.work("support", &[("german", 3.0)]);
        day.offer(call, &[ada, ben]);
        day
    }

    #[test]
    fn settings_weigh() {
        assert_eq!(day().play(&mut strategy("{}")).unwrap(), [(0, 0)]);
        assert_eq!(day().play(&mut strategy(r#"{"skill_share":0}"#)).unwrap(), [(0, 1)]);
        assert_eq!(day().play(&mut strategy(r#"{"skill_share":100}"#)).unwrap(), [(0, 0)]);
    }

    #[test]
    fn agents_rest() {
        let reply = day().reply(&mut strategy(r#"{"rest_seconds":60}"#)).unwrap();
        assert_eq!(reply.proposals().len(), 1);
        assert_eq!((reply.proposals()[0].agent, reply.wake_at), (1, 1_030_000));
        let reply = day().reply(&mut strategy(r#"{"rest_seconds":600}"#)).unwrap();
        assert_eq!((reply.proposals().len(), reply.notes()[0].reason), (0, RESTING));
        assert_eq!(reply.wake_at, 1_300_000);
    }

    #[test]
    fn settings_are_checked() {
        let mut s = SkilledIdle::new();
        for wrong in [r#"{"skill_share":101}"#, r#"{"rest_seconds":-1}"#, r#"{"rest":1}"#, r#"{"skill_share":"much"}"#] {
            assert!(s.configure(&Settings::parse(wrong).unwrap()).is_err(), "{wrong}");
        }
    }
}
