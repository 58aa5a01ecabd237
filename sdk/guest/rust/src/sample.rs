// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! Turns made by hand, to try a strategy in its own tests.

use crate::frame::{Buffer, Id, Span, Writer};
use crate::ladder::Strategy;
use crate::reply::{Refusal, Reply};
use crate::rows::{
    Agent, AgentFlags, Attribute, Candidate, Channel, Header, Item, Member, Model, Need, Queue, Skill, Word, Work, WorkState,
};
use crate::turn::Turn;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A candidates turn in the making. Agents and work have good defaults; their
/// rows can be changed before the turn is played.
///
/// ```
/// # use patchbay::{sample::Sample, Agent, Score, Scored, Turn, Work};
/// # struct Longest;
/// # impl Score for Longest {
/// #     fn score(&mut self, turn: &Turn<'_>, _: &Work, agent: &Agent) -> Option<i32> { Some(turn.idle_ms(agent) as i32) }
/// # }
/// let mut day = Sample::new(60_000);
/// let ada = day.agent("ada", &[("german", 7.5)]);
/// let ben = day.agent("ben", &[]);
/// day.agents[ada].idle_since = 50_000;
/// day.agents[ben].idle_since = 40_000;
/// let call = day.work("support", &[]);
/// day.offer(call, &[ada, ben]);
/// assert_eq!(day.play(&mut Scored::new(Longest)).unwrap(), [(call, ben)]);
/// ```
pub struct Sample {
    /// The time of the turn.
    pub now: i64,
    /// Its randomness.
    pub seed: u64,
    /// The agents, in the order in which they came.
    pub agents: Vec<Agent>,
    /// The work, in the order in which it came.
    pub work: Vec<Work>,
    /// The queues, in the order in which they were named.
    pub queues: Vec<Queue>,
    names: Vec<String>,
    members: Vec<Member>,
    skills: Vec<Skill>,
    needs: Vec<Need>,
    attributes: Vec<(Id, String)>,
    items: Vec<Item>,
    candidates: Vec<Candidate>,
}

impl Sample {
    /// A turn at that time without anybody.
    pub fn new(now: i64) -> Self {
        Self {
            now,
            seed: 1,
            agents: Vec::new(),
            work: Vec::new(),
            queues: Vec::new(),
            names: Vec::new(),
            members: Vec::new(),
            skills: Vec::new(),
            needs: Vec::new(),
            attributes: Vec::new(),
            items: Vec::new(),
            candidates: Vec::new(),
        }
    }

    fn word(&mut self, text: &str) -> Id {
        let at = self.names.iter().position(|n| n == text).unwrap_or_else(|| {
            self.names.push(text.to_string());
            self.names.len() - 1
        });
        Id(at as u32 + 1)
    }

    /// An agent who is connected and idle, holds these skills, and has room for
    /// one piece of work of size 1.
    pub fn agent(&mut self, name: &str, skills: &[(&str, f64)]) -> usize {
        let at = self.skills.len() as u32;
        for (skill, level) in skills {
            let name = self.word(skill);
            self.skills.push(Skill { name, level: (level * 1000.0) as u32 });
        }
        let agent = Agent {
            ref_: self.agents.len() as u32,
            gen: 1,
            version: 1,
            name: self.word(name),
            channels: 1,
            status: self.word("available"),
            flags: AgentFlags::CONNECTED,
            capacity: 1000,
            idle_since: self.now,
            signed_in_at: self.now,
            max_open: 10,
            skills: Span::new(at, skills.len() as u32),
            ..Agent::default()
        };
        self.agents.push(agent);
        self.agents.len() - 1
    }

    /// Waiting work of size 1 that came now and requires these skills.
    pub fn work(&mut self, queue: &str, needs: &[(&str, f64)]) -> usize {
        let at = self.needs.len() as u32;
        for (skill, level) in needs {
            let name = self.word(skill);
            self.needs.push(Need { name, level: (level * 1000.0) as u32, ..Need::default() });
        }
        let name = self.word(queue);
        let queue = self.queues.iter().position(|q| q.name == name).unwrap_or_else(|| {
            let ref_ = self.queues.len() as u32;
            self.queues.push(Queue { ref_, gen: 1, version: 1, name, model: Model::LONGEST_IDLE, ..Queue::default() });
            self.queues.len() - 1
        });
        let work = Work {
            ref_: self.work.len() as u32,
            gen: 1,
            revision: 1,
            queue: queue as u32,
            sequence: self.work.len() as u64 + 1,
            requested_at: self.now,
            size: 1000,
            state: WorkState::WAITING,
            needs: Span::new(at, needs.len() as u32),
            ..Work::default()
        };
        self.work.push(work);
        self.work.len() - 1
    }

    /// Gives the latest work an attribute.
    pub fn attribute(&mut self, name: &str, value: &str) {
        let name = self.word(name);
        if let Some(work) = self.work.last_mut() {
            if work.attributes.n == 0 {
                work.attributes.at = self.attributes.len() as u32;
            }
            work.attributes.n += 1;
            self.attributes.push((name, value.to_string()));
        }
    }

    /// Has the strategy decide on the work, with these candidates, best first.
    pub fn offer(&mut self, work: usize, agents: &[usize]) {
        let at = self.candidates.len() as u32;
        let takes = self.work[work].size;
        self.candidates.extend(agents.iter().map(|&a| Candidate { agent: a as u32, takes }));
        self.items.push(Item { work: work as u32, candidates: Span::new(at, agents.len() as u32), ..Item::default() });
    }

    /// Writes the turn as a frame.
    pub fn frame(&self) -> Buffer {
        let mut bytes = Vec::new();
        let mut text = |s: &str| {
            bytes.extend_from_slice(s.as_bytes());
            Span::new((bytes.len() - s.len()) as u32, s.len() as u32)
        };
        let words: Vec<Word> = self.names.iter().zip(1..).map(|(n, id)| Word { id, text: text(n) }).collect();
        let attributes: Vec<Attribute> =
            self.attributes.iter().map(|(name, v)| Attribute { name: *name, value: text(v) }).collect();
        let channels = [Channel { name: Id(1), ..Channel::default() }];
        let filled = [
            words.len(),
            1,
            self.queues.len(),
            self.agents.len(),
            self.work.len(),
            self.items.len(),
            self.candidates.len(),
            self.members.len(),
            self.skills.len(),
            self.needs.len(),
            attributes.len(),
            bytes.len(),
        ];
        let mut buffer = Buffer::new();
        let mut w = Writer::new(&mut buffer, filled.iter().filter(|n| **n > 0).count());
        w.rows(&words);
        w.rows(&channels);
        w.rows(&self.queues);
        w.rows(&self.agents);
        w.rows(&self.work);
        w.rows(&self.items);
        w.rows(&self.candidates);
        w.rows(&self.members);
        w.rows(&self.skills);
        w.rows(&self.needs);
        w.rows(&attributes);
        w.rows(&bytes);
        w.end(Header { kind: 6, epoch: 1, seq: 1, now: self.now, seed: self.seed, ..Header::default() });
        buffer
    }

    /// Plays the turn and returns the reply.
    ///
    /// # Panics
    ///
    /// If rows were changed to what is no frame.
    pub fn reply(&self, strategy: &mut impl Strategy) -> Result<Reply, Refusal> {
        let buffer = self.frame();
        let turn = Turn::read(buffer.bytes()).expect("patchbay: the sample is no frame");
        let mut reply = Reply::new();
        strategy.turn(&turn, &mut reply)?;
        Ok(reply)
    }

    /// Plays the turn and returns what the host makes of the reply, in its
    /// order: the numbers of work and of the agent who is offered it. Like the
    /// host, it passes over those who have no room left.
    pub fn play(&self, strategy: &mut impl Strategy) -> Result<Vec<(usize, usize)>, Refusal> {
        let reply = self.reply(strategy)?;
        let mut made: Vec<(usize, usize)> = Vec::new();
        let mut agents = self.agents.clone();
        for proposal in reply.proposals() {
            let (at, to) = (proposal.work as usize, proposal.agent as usize);
            let work = &self.work[at];
            let asked = made.iter().filter(|m| m.0 == at).count();
            let most = self.queues[work.queue as usize].offer_to.max(1) as usize;
            let agent = &mut agents[to];
            let room = agent.capacity - agent.used >= work.size && u32::from(agent.open) < agent.max_open;
            if asked < most && room && !made.contains(&(at, to)) {
                agent.used += work.size;
                agent.open += 1;
                made.push((at, to));
            }
        }
        Ok(made)
    }
}
