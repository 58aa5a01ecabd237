// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! Routing strategies for Patchbay, written in Rust and run by the host as
//! WebAssembly modules.
//!
//! A strategy decides which agent is offered which work. The host asks it in
//! *turns*; it answers with *proposals*, which the host settles: a proposal that
//! does not hold is refused without harm. There are three rungs to stand on:
//!
//! 1. [`Score`]: a number for a pair of work and agent. [`Scored`] does the rest.
//! 2. [`Pick`]: a choice among the candidates of one work, by [`Picked`].
//! 3. [`Strategy`]: the whole turn, for those who keep a board of their own.
//!
//! ```
//! use patchbay::{Agent, Manifest, Score, Scored, Turn, View, Work};
//!
//! struct LongestIdle;
//!
//! impl Score for LongestIdle {
//!     fn score(&mut self, turn: &Turn<'_>, _work: &Work, agent: &Agent) -> Option<i32> {
//!         Some((turn.idle_ms(agent) / 1000).min(i32::MAX as i64) as i32)
//!     }
//! }
//!
//! const MANIFEST: Manifest = Manifest { name: "longest-idle", version: "1.0.0", ..Manifest::EMPTY };
//!
//! patchbay::export!(MANIFEST, Scored::new(LongestIdle));
//! ```
//!
//! # Determinism
//!
//! A strategy has no clock but [`Turn::now`] and no randomness but
//! [`Turn::random`], which follows from the turn. The same turns then give the
//! same replies, on every machine, and a recorded turn can be replayed. Do not
//! let an answer depend on the order of a `HashMap`, whose seed is another in
//! each build of the standard library; take a `BTreeMap`.
//!
//! # Memory
//!
//! Rows are read where the host wrote them. What the library needs besides is
//! kept from turn to turn, so a turn allocates nothing once the largest has
//! been seen. Rows and texts are valid until the turn returns: copy what you
//! keep.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(target_endian = "big")]
compile_error!("patchbay reads frames where they lie, which needs a little-endian machine");

extern crate alloc;

mod draw;
mod frame;
pub mod guest;
mod ladder;
mod manifest;
mod reply;
#[rustfmt::skip] // generated
mod rows;
pub mod sample;
mod settings;
mod turn;

pub use draw::Random;
pub use frame::{Buffer, Frame, FrameError, Id, Row, Rows, Span, Writer};
pub use guest::{log, Guest, Level};
pub use ladder::{Choice, Pick, Picked, Picks, Score, Scored, Strategy};
pub use manifest::{Manifest, Reason, View};
pub use reply::{Refusal, Reply, Status};
pub use rows::*;
pub use settings::{Json, Settings};
pub use turn::{Kind, Turn};
