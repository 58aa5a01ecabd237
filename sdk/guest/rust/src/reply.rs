// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

use crate::frame::{Buffer, Writer, REPLY};
use crate::rows::{Agent, Header, Note, Proposal, Work};
use alloc::string::String;
use alloc::vec::Vec;

/// How a turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// The turn was taken.
    Ok = 0,
    /// The strategy's board is out of step.
    NeedSnapshot = 1,
    /// The turn could not be read.
    BadFrame = 3,
    /// Not configured yet, or drained.
    NotReady = 4,
    /// The strategy gave up because its budget ran out.
    OverBudget = 5,
    /// The strategy is broken.
    Internal = 6,
}

/// Why a turn gets no proposals. "Nobody fits" is no refusal, but a reply
/// without proposals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How the turn went.
    pub status: Status,
    /// A sentence for people; may be empty.
    pub text: String,
}

impl Refusal {
    /// Asks for a snapshot: the board is out of step. It is not a fault.
    pub const fn need_snapshot() -> Self {
        Self { status: Status::NeedSnapshot, text: String::new() }
    }

    /// Says that the strategy is broken: the host starts it anew.
    pub fn broken(text: impl Into<String>) -> Self {
        Self { status: Status::Internal, text: text.into() }
    }
}

/// What the strategy wishes.
#[derive(Debug, Default)]
pub struct Reply {
    proposals: Vec<Proposal>,
    notes: Vec<Note>,
    /// When a turn is wanted though nothing changes, in Unix milliseconds; 0
    /// for never.
    pub wake_at: i64,
    /// The digest of the strategy's own board; 0 if it keeps none.
    pub digest: u32,
}

impl Reply {
    /// An empty reply.
    pub const fn new() -> Self {
        Self { proposals: Vec::new(), notes: Vec::new(), wake_at: 0, digest: 0 }
    }

    /// Wishes that the work be offered to the agent. The score is for people;
    /// the reason is a code of the manifest, 0 for none.
    pub fn propose(&mut self, work: &Work, agent: &Agent, score: i32, reason: u16) {
        self.propose_ranked(work, agent, score, reason, 0);
    }

    /// Wishes the same as one of several choices: rank 0 is the first, 1, 2 …
    /// are tried if it is refused, or asked at once if the queue asks several.
    pub fn propose_ranked(&mut self, work: &Work, agent: &Agent, score: i32, reason: u16, rank: u16) {
        self.push(Proposal {
            work: work.ref_,
            revision: work.revision,
            agent: agent.ref_,
            score,
            reason,
            rank,
            ..Proposal::default()
        });
    }

    /// Adds a proposal as it is.
    pub fn push(&mut self, proposal: Proposal) {
        self.proposals.push(proposal);
    }

    /// Says why the work waits, by a code of the manifest.
    pub fn note(&mut self, work: &Work, reason: u16) {
        self.notes.push(Note { work: work.ref_, reason, ..Note::default() });
    }

    /// The proposals in their order.
    pub fn proposals(&self) -> &[Proposal] {
        &self.proposals
    }

    /// The notes in their order.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Asks for a turn at that time at the latest, in Unix milliseconds.
    pub fn wake_by(&mut self, at: i64) {
        if self.wake_at == 0 || at < self.wake_at {
            self.wake_at = at;
        }
    }

    /// Empties the reply and keeps its memory.
    pub fn clear(&mut self) {
        self.proposals.clear();
        self.notes.clear();
        (self.wake_at, self.digest) = (0, 0);
    }

    /// Writes the frame that answers the turn of that epoch and number.
    pub fn write<'b>(&self, buffer: &'b mut Buffer, epoch: u64, seq: u64) -> &'b [u8] {
        let sections = usize::from(!self.proposals.is_empty()) + usize::from(!self.notes.is_empty());
        let mut writer = Writer::new(buffer, sections);
        writer.rows(&self.proposals);
        writer.rows(&self.notes);
        writer.end(Header { kind: REPLY, epoch, seq, seed: self.wake_at as u64, digest: self.digest, ..Header::default() })
    }
}

/// The longest text of a status, in bytes.
const MAX_TEXT: usize = 4096;

/// Writes the frame that answers a turn with a status and a text for people.
pub(crate) fn write_status<'b>(buffer: &'b mut Buffer, epoch: u64, seq: u64, status: Status, text: &str) -> &'b [u8] {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text.as_bytes()[..end];
    let mut writer = Writer::new(buffer, usize::from(!text.is_empty()));
    writer.rows(text);
    writer.end(Header { kind: REPLY, status: status as u16, epoch, seq, ..Header::default() })
}
