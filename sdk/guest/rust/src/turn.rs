// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

use crate::draw::Random;
use crate::frame::{Frame, FrameError, Id, Rows, Span};
use crate::rows::{
    table, Agent, Attribute, Candidate, Channel, Gone, Item, Member, Need, NeedFlags, Queue, Settled, Skill, Word, Work,
};
use core::cell::RefCell;

/// What a turn holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes since the last turn.
    Delta,
    /// A whole snapshot in one page.
    Snapshot,
    /// The first page of a snapshot: the board is empty before.
    SnapshotFirst,
    /// A further page of a snapshot.
    SnapshotMore,
    /// The last page of a snapshot.
    SnapshotLast,
    /// Items to decide on with their candidates; nothing is kept between turns.
    Candidates,
}

impl Kind {
    /// Whether the board is empty before this turn.
    pub fn resets(self) -> bool {
        matches!(self, Self::Snapshot | Self::SnapshotFirst)
    }

    /// Whether proposals are wanted.
    pub fn asks(self) -> bool {
        !matches!(self, Self::SnapshotFirst | Self::SnapshotMore)
    }
}

/// One turn: what the host asks. Rows and texts lie in the host's frame and are
/// valid until the turn returns.
///
/// Times are Unix milliseconds, 0 for never. Capacity and sizes are
/// milli-units, levels of skills thousandths.
pub struct Turn<'a> {
    frame: Frame<'a>,
    kind: Kind,
    random: RefCell<Random>,
}

impl<'a> Turn<'a> {
    /// Reads a turn from a frame, which must begin at a multiple of 8.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Self::new(Frame::read(bytes)?)
    }

    fn new(frame: Frame<'a>) -> Result<Self, FrameError> {
        let kind = match frame.header().kind {
            1 => Kind::Delta,
            2 => Kind::Snapshot,
            3 => Kind::SnapshotFirst,
            4 => Kind::SnapshotMore,
            5 => Kind::SnapshotLast,
            6 => Kind::Candidates,
            _ => return Err(FrameError { offset: 6, reason: "its kind is not that of a turn" }),
        };
        let (work, agents) = (frame.rows::<Work>().len(), frame.rows::<Agent>().len());
        let known = frame.rows::<Item>().iter().all(|i| (i.work as usize) < work)
            && frame.rows::<Candidate>().iter().all(|c| (c.agent as usize) < agents);
        if !known {
            return Err(FrameError { offset: 64, reason: "an item or a candidate names a row that is not there" });
        }
        let random = RefCell::new(Random::new(frame.header().seed));
        Ok(Self { frame, kind, random })
    }

    /// What the turn holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The number of this start of the instance.
    pub fn epoch(&self) -> u64 {
        self.frame.header().epoch
    }

    /// The number of the turn, from 1.
    pub fn seq(&self) -> u64 {
        self.frame.header().seq
    }

    /// The turn on whose state a delta builds; 0 otherwise.
    pub fn base_seq(&self) -> u64 {
        self.frame.header().base_seq
    }

    /// The time of the turn. There is no other clock.
    pub fn now(&self) -> i64 {
        self.frame.header().now
    }

    /// The randomness that the turn was given, for generators of your own.
    pub fn seed(&self) -> u64 {
        self.frame.header().seed
    }

    /// How many microseconds the turn may take; 0 means no limit.
    pub fn budget(&self) -> u32 {
        self.frame.header().budget
    }

    /// The digest of the board once the turn is applied; 0 if not given.
    pub fn digest(&self) -> u32 {
        self.frame.header().digest
    }

    /// Draws from the turn's randomness. Each draw of a turn is another, and
    /// the same turn gives the same draws.
    pub fn random<R>(&self, draw: impl FnOnce(&mut Random) -> R) -> R {
        draw(&mut self.random.borrow_mut())
    }

    /// The frame, for sections this type does not name.
    pub fn frame(&self) -> &Frame<'a> {
        &self.frame
    }

    /// Work that comes or changes; in a candidates turn, the items' work.
    pub fn work(&self) -> Rows<'a, Work> {
        self.frame.rows()
    }

    /// Agents who come or change; in a candidates turn, the candidates.
    pub fn agents(&self) -> Rows<'a, Agent> {
        self.frame.rows()
    }

    /// Queues that come or change.
    pub fn queues(&self) -> Rows<'a, Queue> {
        self.frame.rows()
    }

    /// Channels that come or change.
    pub fn channels(&self) -> Rows<'a, Channel> {
        self.frame.rows()
    }

    /// Strings that come.
    pub fn words(&self) -> Rows<'a, Word> {
        self.frame.rows()
    }

    /// What became of earlier proposals.
    pub fn settled(&self) -> Rows<'a, Settled> {
        self.frame.rows()
    }

    /// The items of a candidates turn as rows; see [`crate::Choice`] for
    /// more comfort.
    pub fn item_rows(&self) -> Rows<'a, Item> {
        self.frame.rows()
    }

    /// Work that left the board.
    pub fn work_gone(&self) -> Rows<'a, Gone> {
        self.frame.gone(table::WORK)
    }

    /// Agents who left the board.
    pub fn agents_gone(&self) -> Rows<'a, Gone> {
        self.frame.gone(table::AGENT)
    }

    /// Queues that left the board.
    pub fn queues_gone(&self) -> Rows<'a, Gone> {
        self.frame.gone(table::QUEUE)
    }

    /// The candidates of an item's span.
    pub fn candidates(&self, span: Span<Candidate>) -> Rows<'a, Candidate> {
        self.frame.rows().of(span)
    }

    /// The queues an agent belongs to.
    pub fn members(&self, agent: &Agent) -> Rows<'a, Member> {
        self.frame.rows().of(agent.members)
    }

    /// The skills an agent holds.
    pub fn skills(&self, agent: &Agent) -> Rows<'a, Skill> {
        self.frame.rows().of(agent.skills)
    }

    /// The skills work requires, those included that are dropped now.
    pub fn needs(&self, work: &Work) -> Rows<'a, Need> {
        self.frame.rows().of(work.needs)
    }

    /// The attributes of work that the admin lets through.
    pub fn attributes(&self, work: &Work) -> Rows<'a, Attribute> {
        self.frame.rows().of(work.attributes)
    }

    /// The ids of the agents work may not be offered to now.
    pub fn declined(&self, work: &Work) -> Rows<'a, Id> {
        self.frame.rows().of(work.declined)
    }

    /// The text of a string that this turn brings; empty for others, and for
    /// what is not UTF-8. A candidates turn brings every string it names.
    pub fn text(&self, id: Id) -> &'a str {
        match self.word(id) {
            Some(word) => self.span_text(word.text),
            None => "",
        }
    }

    fn word(&self, id: Id) -> Option<&'a Word> {
        let words = self.words();
        // Writers number words in their order, if nothing was taken away.
        match words.get((id.0 as usize).wrapping_sub(1)) {
            Some(word) if word.id == id.0 => Some(word),
            _ => words.iter().find(|w| w.id == id.0),
        }
    }

    fn span_text(&self, span: Span<u8>) -> &'a str {
        core::str::from_utf8(self.frame.rows::<u8>().of(span).bytes()).unwrap_or("")
    }

    /// The value of an attribute.
    pub fn value(&self, attribute: &Attribute) -> &'a str {
        self.span_text(attribute.value)
    }

    /// The value of the work's attribute of that name.
    pub fn attribute(&self, work: &Work, name: &str) -> Option<&'a str> {
        let found = self.attributes(work).iter().find(|a| self.text(a.name) == name)?;
        Some(self.value(found))
    }

    /// The agent's level in the skill of that name, in thousandths.
    pub fn level(&self, agent: &Agent, skill: &str) -> Option<u32> {
        Some(self.skills(agent).iter().find(|s| self.text(s.name) == skill)?.level)
    }

    /// The sum of the agent's levels in the skills that the work requires now,
    /// in thousandths; of all skills, if it requires none.
    pub fn skill_sum(&self, work: &Work, agent: &Agent) -> u32 {
        let (needs, skills) = (self.needs(work), self.skills(agent));
        let wanted = |skill: &Skill| needs.iter().any(|n| n.name == skill.name && !n.flags.has(NeedFlags::DROPPED));
        let any = needs.iter().any(|n| !n.flags.has(NeedFlags::DROPPED));
        let levels = skills.iter().filter(|s| !any || wanted(s)).map(|s| s.level);
        levels.fold(0, u32::saturating_add)
    }

    /// For how many milliseconds the agent has been idle; 0 while busy.
    pub fn idle_ms(&self, agent: &Agent) -> i64 {
        if agent.idle_since == 0 {
            return 0;
        }
        self.now().saturating_sub(agent.idle_since).max(0)
    }

    /// For how many milliseconds the customer has waited.
    pub fn age_ms(&self, work: &Work) -> i64 {
        self.now().saturating_sub(work.requested_at).max(0)
    }

    /// The queue the work waits in, if this turn brings it.
    pub fn queue(&self, work: &Work) -> Option<&'a Queue> {
        self.queues().iter().find(|q| q.ref_ == work.queue)
    }
}
