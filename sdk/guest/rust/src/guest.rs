// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! What stands between a strategy and its host: the exports of the module.
//!
//! [`crate::export!`] makes them; nothing else here is needed to write a
//! strategy. A [`Guest`] can also be driven by hand, in tests.

use crate::frame::Buffer;
use crate::ladder::Strategy;
use crate::manifest::{quote, Manifest};
use crate::reply::{write_status, Refusal, Reply, Status};
use crate::rows::Header;
use crate::settings::Settings;
use crate::turn::Turn;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::cell::UnsafeCell;

/// The version of the interface between host and guest.
pub const ABI: u32 = 1;

/// How much a line in the host's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// For those who look for a fault.
    Debug = 0,
    /// For the record.
    Info = 1,
    /// Something should be looked at.
    Warn = 2,
    /// Something does not work.
    Error = 3,
}

/// Writes a line to the host's log. Outside a host, it goes to the standard
/// error of a build with `std`, else nowhere.
pub fn log(level: Level, text: &str) {
    #[cfg(target_arch = "wasm32")]
    {
        #[link(wasm_import_module = "patchbay")]
        extern "C" {
            #[link_name = "log"]
            fn host_log(level: u32, text: *const u8, length: u32);
        }
        // SAFETY: the host reads the text during the call.
        unsafe { host_log(level as u32, text.as_ptr(), text.len() as u32) }
    }
    #[cfg(all(not(target_arch = "wasm32"), feature = "std"))]
    std::eprintln!("{level:?}: {text}");
    #[cfg(all(not(target_arch = "wasm32"), not(feature = "std")))]
    let _ = (level, text);
}

/// One strategy behind frames.
pub struct Guest {
    manifest: Manifest,
    strategy: Box<dyn Strategy>,
    ready: bool,
    reply: Reply,
    inbound: Buffer,
    out: Buffer,
    answer: String,
}

impl Guest {
    /// A guest that runs the strategy.
    pub fn new(manifest: Manifest, strategy: impl Strategy + 'static) -> Self {
        #[cfg(all(target_arch = "wasm32", feature = "std"))]
        std::panic::set_hook(Box::new(|panic| log(Level::Error, &format!("{panic}"))));
        Self {
            manifest,
            strategy: Box::new(strategy),
            ready: false,
            reply: Reply::new(),
            inbound: Buffer::new(),
            out: Buffer::new(),
            answer: String::new(),
        }
    }

    /// Where the host may write `len` bytes, until the next call of this.
    pub fn buffer(&mut self, len: usize) -> &mut [u8] {
        self.inbound.resize(len);
        self.inbound.bytes_mut()
    }

    /// Carries out an operation on JSON: 1 asks for the manifest, 2 configures,
    /// 3 drains. The answer is JSON.
    pub fn cold(&mut self, op: u32, request: &[u8]) -> &[u8] {
        let result = match op {
            1 => {
                self.answer = self.manifest.json();
                return self.answer.as_bytes();
            }
            2 => self.configure(request),
            3 => {
                self.ready = false;
                self.strategy.drain();
                Ok(())
            }
            _ => Err(format!("patchbay: unknown operation {op}")),
        };
        self.answer.clear();
        match result {
            Ok(()) => self.answer.push_str("{}"),
            Err(text) => {
                self.answer.push_str("{\"error\":");
                quote(&mut self.answer, &text);
                self.answer.push('}');
            }
        }
        self.answer.as_bytes()
    }

    fn configure(&mut self, request: &[u8]) -> Result<(), String> {
        let text = core::str::from_utf8(request).map_err(|_| String::from("settings: they are not UTF-8"))?;
        self.strategy.configure(&Settings::parse(text)?)?;
        self.ready = true;
        Ok(())
    }

    /// Answers one frame by another, which is valid until the next call. The
    /// frame begins at a multiple of 8.
    pub fn turn(&mut self, frame: &[u8]) -> &[u8] {
        self.reply.clear();
        let (epoch, seq, refusal) = match Turn::read(frame) {
            Ok(turn) => (turn.epoch(), turn.seq(), self.answer_turn(&turn).err()),
            Err(fault) => {
                let (epoch, seq) = name(frame);
                (epoch, seq, Some(Refusal { status: Status::BadFrame, text: format!("{fault}") }))
            }
        };
        match refusal {
            None => self.reply.write(&mut self.out, epoch, seq),
            Some(refusal) => write_status(&mut self.out, epoch, seq, refusal.status, &refusal.text),
        }
    }

    fn answer_turn(&mut self, turn: &Turn<'_>) -> Result<(), Refusal> {
        if !self.ready {
            return Err(Refusal { status: Status::NotReady, text: String::new() });
        }
        self.strategy.turn(turn, &mut self.reply)
    }
}

/// The epoch and number of a turn that could not be read, as far as they can.
fn name(frame: &[u8]) -> (u64, u64) {
    let number = |at: usize| {
        let bytes = frame.get(at..at + 8).and_then(|b| b.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    if frame.len() < core::mem::size_of::<Header>() {
        return (0, 0);
    }
    (number(16), number(24))
}

/// The place of a module's one guest, for [`crate::export!`].
#[doc(hidden)]
pub struct Slot(UnsafeCell<Option<Guest>>);

// SAFETY: a module has one thread, and the host does not call it while it runs.
unsafe impl Sync for Slot {}

#[doc(hidden)]
impl Slot {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// # Safety
    ///
    /// Only the exports call it, one at a time.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn guest(&self, make: impl FnOnce() -> Guest) -> &mut Guest {
        // SAFETY: by the caller's promise there is no other reference.
        unsafe { (*self.0.get()).get_or_insert_with(make) }
    }
}

/// Puts the address and length of an answer into what an export returns.
#[doc(hidden)]
pub fn pack(answer: &[u8]) -> u64 {
    (answer.as_ptr() as usize as u64) << 32 | answer.len() as u64
}

/// Makes the exports of a module that runs one strategy: its manifest, and how
/// it is made.
///
/// Once in a crate, of type `cdylib`. On other targets than `wasm32` it makes
/// nothing, so that the same crate can be tested natively.
#[macro_export]
macro_rules! export {
    ($manifest:expr, $strategy:expr $(,)?) => {
        const _: () = {
            fn make() -> $crate::Guest {
                $crate::Guest::new($manifest, $strategy)
            }

            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> $crate::Guest = make;

            #[cfg(target_arch = "wasm32")]
            static GUEST: $crate::guest::Slot = $crate::guest::Slot::new();

            #[cfg(target_arch = "wasm32")]
            #[no_mangle]
            extern "C" fn patchbay_abi() -> u32 {
                $crate::guest::ABI
            }

            #[cfg(target_arch = "wasm32")]
            #[no_mangle]
            extern "C" fn patchbay_buffer(length: u32) -> u32 {
                unsafe { GUEST.guest(make) }.buffer(length as usize).as_mut_ptr() as usize as u32
            }

            #[cfg(target_arch = "wasm32")]
            #[no_mangle]
            unsafe extern "C" fn patchbay_cold(op: u32, at: *const u8, length: u32) -> u64 {
                let request = unsafe { ::core::slice::from_raw_parts(at, length as usize) };
                $crate::guest::pack(unsafe { GUEST.guest(make) }.cold(op, request))
            }

            #[cfg(target_arch = "wasm32")]
            #[no_mangle]
            unsafe extern "C" fn patchbay_turn(at: *const u8, length: u32) -> u64 {
                let frame = unsafe { ::core::slice::from_raw_parts(at, length as usize) };
                $crate::guest::pack(unsafe { GUEST.guest(make) }.turn(frame))
            }
        };
    };
}
