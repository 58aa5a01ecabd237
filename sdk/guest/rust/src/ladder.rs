// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

use crate::frame::Rows;
use crate::reply::{Refusal, Reply};
use crate::rows::{Agent, Candidate, Item, Proposal, Work};
use crate::settings::Settings;
use crate::turn::{Kind, Turn};
use alloc::string::String;
use alloc::vec::Vec;

/// The third rung: a strategy that takes the whole turn.
///
/// One that says `View::Board` in its manifest gets a snapshot, then deltas,
/// and keeps a board of its own; `frame.md` says how turns are applied.
pub trait Strategy {
    /// Takes the admin's settings, before the first turn and whenever they
    /// change. An error refuses them: it says what is wrong, what would be
    /// right and where. The settings in force then stay in force.
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        settings.only(&[])
    }

    /// Answers one turn.
    fn turn(&mut self, turn: &Turn<'_>, reply: &mut Reply) -> Result<(), Refusal>;

    /// Lets go of what the strategy holds. No turn comes after it.
    fn drain(&mut self) {}
}

/// The first rung: how good a pair is. [`Scored`] makes it a strategy.
pub trait Score {
    /// Takes the admin's settings, as [`Strategy::configure`] does.
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        settings.only(&[])
    }

    /// How good it is to offer the work to the agent; higher is better. `None`
    /// keeps the work from the agent in this turn. The pair is one that the
    /// host's rules allow.
    fn score(&mut self, turn: &Turn<'_>, work: &Work, agent: &Agent) -> Option<i32>;

    /// The reason code that proposals carry; 0 for none.
    fn reason(&self) -> u16 {
        0
    }

    /// The reason code of a note on work for which no candidate has a score; 0 for no note.
    fn waits(&self) -> u16 {
        0
    }

    /// Called after the items of a turn, to ask for a turn later
    /// ([`Reply::wake_by`]) or to add to the reply.
    fn finish(&mut self, _turn: &Turn<'_>, _reply: &mut Reply) {}
}

/// The second rung: whom to choose among the candidates of one work.
/// [`Picked`] makes it a strategy.
pub trait Pick {
    /// Takes the admin's settings, as [`Strategy::configure`] does.
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        settings.only(&[])
    }

    /// Chooses among the candidates by [`Picks::add`], the best first.
    /// Choosing nobody lets the work wait.
    fn pick(&mut self, turn: &Turn<'_>, choice: &Choice<'_>, picks: &mut Picks<'_, '_>);

    /// Called after the items of a turn, as [`Score::finish`] is.
    fn finish(&mut self, _turn: &Turn<'_>, _reply: &mut Reply) {}
}

/// Work to decide on, with those who may be offered it.
pub struct Choice<'a> {
    /// The work.
    pub work: &'a Work,
    candidates: Rows<'a, Candidate>,
    agents: Rows<'a, Agent>,
}

impl<'a> Choice<'a> {
    fn new(turn: &Turn<'a>, row: &Item) -> Option<Self> {
        let work = turn.work().get(row.work as usize)?;
        Some(Self { work, candidates: turn.candidates(row.candidates), agents: turn.agents() })
    }

    /// Those who may be offered the work, best first by the host's order.
    pub fn candidates(&self) -> impl Iterator<Item = &'a Agent> + '_ {
        self.candidates.iter().filter_map(|c| self.agents.get(c.agent as usize))
    }

    /// The same, each with what the work would take of the agent's capacity, in
    /// milli-units.
    pub fn takes(&self) -> impl Iterator<Item = (&'a Agent, i32)> + '_ {
        self.candidates.iter().filter_map(|c| Some((self.agents.get(c.agent as usize)?, c.takes)))
    }
}

/// The choices for one work.
pub struct Picks<'p, 'a> {
    work: &'a Work,
    reply: &'p mut Reply,
    rank: u16,
}

impl Picks<'_, '_> {
    /// Chooses an agent, after those chosen before. The host asks the first who
    /// still has room after what went before in this turn; a queue that asks
    /// several at once asks as many. So it is good to choose more than one.
    pub fn add(&mut self, agent: &Agent, score: i32, reason: u16) {
        self.reply.propose_ranked(self.work, agent, score, reason, self.rank);
        self.rank += 1;
    }

    /// Says why the work waits, by a code of the manifest.
    pub fn note(&mut self, reason: u16) {
        self.reply.note(self.work, reason);
    }
}

/// Makes a [`Pick`] a strategy.
pub struct Picked<P>(P);

impl<P: Pick> Picked<P> {
    /// The strategy that chooses by `picks`.
    pub const fn new(picks: P) -> Self {
        Self(picks)
    }
}

impl<P: Pick> Strategy for Picked<P> {
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        self.0.configure(settings)
    }

    fn turn(&mut self, turn: &Turn<'_>, reply: &mut Reply) -> Result<(), Refusal> {
        needs_candidates(turn)?;
        for choice in turn.item_rows().iter().filter_map(|row| Choice::new(turn, row)) {
            let mut picks = Picks { work: choice.work, reply, rank: 0 };
            self.0.pick(turn, &choice, &mut picks);
        }
        self.0.finish(turn, reply);
        Ok(())
    }
}

/// Makes a [`Score`] a strategy: each work goes to the candidate with the
/// highest score who has room left when its turn comes, and equal scores to
/// whom the host puts first. Nobody with a score is left out; the host passes
/// over those who are full by then.
pub struct Scored<S> {
    score: S,
    ranked: Vec<(i32, u32)>,
}

impl<S: Score> Scored<S> {
    /// The strategy that decides by `score`.
    pub const fn new(score: S) -> Self {
        Self { score, ranked: Vec::new() }
    }

    /// Puts an agent where the score belongs: after all that are no less.
    fn insert(&mut self, score: i32, agent: u32) {
        let mut at = self.ranked.len();
        self.ranked.push((score, agent));
        while at > 0 && self.ranked[at - 1].0 < score {
            self.ranked[at] = self.ranked[at - 1];
            at -= 1;
        }
        self.ranked[at] = (score, agent);
    }
}

impl<S: Score> Strategy for Scored<S> {
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        self.score.configure(settings)
    }

    fn turn(&mut self, turn: &Turn<'_>, reply: &mut Reply) -> Result<(), Refusal> {
        needs_candidates(turn)?;
        let (reason, waits) = (self.score.reason(), self.score.waits());
        for choice in turn.item_rows().iter().filter_map(|row| Choice::new(turn, row)) {
            self.ranked.clear();
            for agent in choice.candidates() {
                if let Some(score) = self.score.score(turn, choice.work, agent) {
                    self.insert(score, agent.ref_);
                }
            }
            if self.ranked.is_empty() && waits != 0 {
                reply.note(choice.work, waits);
            }
            for (rank, &(score, agent)) in (0..).zip(&self.ranked) {
                let (work, revision) = (choice.work.ref_, choice.work.revision);
                reply.push(Proposal { work, revision, agent, score, reason, rank, ..Proposal::default() });
            }
        }
        self.score.finish(turn, reply);
        Ok(())
    }
}

fn needs_candidates(turn: &Turn<'_>) -> Result<(), Refusal> {
    if turn.kind() == Kind::Candidates {
        return Ok(());
    }
    Err(Refusal::broken("the turn shows no candidates: the manifest's view must be View::Candidates"))
}
