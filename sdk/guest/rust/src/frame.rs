// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! Frames as bytes: a header, a directory of sections, and their rows.

use crate::rows::{table, Entry, Header, LAYOUT, SIZES, TABLES};
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{align_of, size_of};

/// What the first four bytes of every frame say: "TRN1".
pub(crate) const MAGIC: u32 = 0x314e_5254;
/// The most sections a frame may have.
const MAX_SECTIONS: usize = 64;
/// The length of the longest frame, in bytes.
pub(crate) const MAX_FRAME: usize = 1 << 30;
/// The kind of a frame that is a reply.
pub(crate) const REPLY: u8 = 16;

/// What the rows of a section are meant as: they come or change.
const PUT: u8 = 1;
/// What the rows of a section are meant as: refs of what left the table.
const GONE: u8 = 2;

/// The number of rows by table.
pub(crate) type Counts = [u32; TABLES];

/// A dictionary id: a string that was sent once. 0 is the empty string.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u32);

impl Id {
    /// The empty string.
    pub const NONE: Self = Self(0);

    /// Whether this is the empty string.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A run of rows of another section of the same frame.
#[repr(C)]
pub struct Span<T> {
    /// Index of the first row.
    pub at: u32,
    /// How many rows.
    pub n: u32,
    rows: PhantomData<fn() -> T>,
}

impl<T> Span<T> {
    /// The run of `n` rows from index `at`.
    pub const fn new(at: u32, n: u32) -> Self {
        Self { at, n, rows: PhantomData }
    }

    pub(crate) fn within(&self, count: u32) -> bool {
        u64::from(self.at) + u64::from(self.n) <= u64::from(count)
    }
}

impl<T> Clone for Span<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Span<T> {}

impl<T> Default for Span<T> {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl<T> PartialEq for Span<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.n == other.n
    }
}

impl<T> Eq for Span<T> {}

impl<T> fmt::Debug for Span<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.at, self.n)
    }
}

/// A type whose values are rows of a table.
///
/// # Safety
///
/// The type is `repr(C)` or `repr(transparent)`, every bit pattern is a value
/// of it, it has no padding, and its size is the one the layout gives.
pub unsafe trait Row: Copy + 'static {
    /// The number of the table.
    const TABLE: u16;
}

// SAFETY: one u32, as the ids section has it.
unsafe impl Row for Id {
    const TABLE: u16 = table::IDS;
}

// SAFETY: one byte, as the bytes section has it.
unsafe impl Row for u8 {
    const TABLE: u16 = table::BYTES;
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// Where in the frame the fault lies, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame: at byte {}: {}", self.offset, self.reason)
    }
}

#[cfg(feature = "std")]
impl std::error::Error for FrameError {}

fn wrong<T>(offset: usize, reason: &'static str) -> Result<T, FrameError> {
    Err(FrameError { offset, reason })
}

/// Rows of one section, read where they lie. A row may be longer than this
/// crate knows; the tail is skipped.
pub struct Rows<'a, T> {
    base: *const u8,
    count: u32,
    stride: u32,
    frame: PhantomData<&'a T>,
}

impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<'_, T> {}

impl<'a, T: Row> Rows<'a, T> {
    const EMPTY: Self = Self { base: core::ptr::null(), count: 0, stride: 0, frame: PhantomData };

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The row at an index, or `None` past the end.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a T> {
        if index < self.count as usize {
            // SAFETY: the section was checked to lie within the frame, its
            // stride to be no less than T and a multiple of its alignment, and
            // its first row to be aligned; the frame outlives 'a.
            Some(unsafe { &*self.base.add(index * self.stride as usize).cast::<T>() })
        } else {
            None
        }
    }

    /// The rows of a span; none of them if it reaches past the end.
    #[inline]
    pub fn of(&self, span: Span<T>) -> Rows<'a, T> {
        if span.n == 0 || !span.within(self.count) {
            return Self::EMPTY;
        }
        // SAFETY: span.at is within the section.
        let base = unsafe { self.base.add(span.at as usize * self.stride as usize) };
        Rows { base, count: span.n, ..*self }
    }

    /// The rows in their order.
    pub fn iter(&self) -> RowsIter<'a, T> {
        RowsIter { rows: *self, next: 0 }
    }
}

impl<'a> Rows<'a, u8> {
    /// The bytes as a slice.
    pub fn bytes(&self) -> &'a [u8] {
        match self.get(0) {
            // SAFETY: bytes have stride 1, so that they follow each other.
            Some(first) => unsafe { core::slice::from_raw_parts(first, self.len()) },
            None => &[],
        }
    }
}

impl<T: Row + fmt::Debug> fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Row> IntoIterator for Rows<'a, T> {
    type Item = &'a T;
    type IntoIter = RowsIter<'a, T>;

    fn into_iter(self) -> RowsIter<'a, T> {
        self.iter()
    }
}

/// Goes through rows in their order.
pub struct RowsIter<'a, T> {
    rows: Rows<'a, T>,
    next: usize,
}

impl<'a, T: Row> Iterator for RowsIter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        let row = self.rows.get(self.next)?;
        self.next += 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows.len() - self.next;
        (left, Some(left))
    }
}

impl<T: Row> ExactSizeIterator for RowsIter<'_, T> {}

/// A section as it lies in the frame.
#[derive(Clone, Copy)]
struct Section {
    base: *const u8,
    count: u32,
    stride: u32,
}

const NO_SECTION: Section = Section { base: core::ptr::null(), count: 0, stride: 0 };

/// A frame that was read: a turn or a reply. Nothing of it is copied.
pub struct Frame<'a> {
    header: &'a Header,
    put: [Section; TABLES],
    gone: [Section; 4],
    frame: PhantomData<&'a [u8]>,
}

/// Where refs of what left a table are kept: agents, work and queues.
fn gone_slot(table: u16) -> Option<usize> {
    match table {
        table::AGENT => Some(1),
        table::WORK => Some(2),
        table::QUEUE => Some(3),
        _ => None,
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame. Every offset, count and span is checked, so that all of
    /// it can be followed without a care; what ids and refs mean is not.
    ///
    /// The bytes must begin at an address that is a multiple of 8, as those of
    /// a [`Buffer`] do.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let header = read_header(bytes)?;
        let mut frame = Self { header, put: [NO_SECTION; TABLES], gone: [NO_SECTION; 4], frame: PhantomData };
        let from = header.header_len as usize;
        let mut floor = from + header.sections as usize * size_of::<Entry>();
        for i in 0..header.sections as usize {
            let at = from + i * size_of::<Entry>();
            // SAFETY: the directory was checked to lie within the frame, and
            // the frame and the length of its header to be multiples of 8.
            let entry = unsafe { &*bytes.as_ptr().add(at).cast::<Entry>() };
            floor = frame.section(bytes, at, entry, floor)?;
        }
        let counts = core::array::from_fn(|i| frame.put[i].count);
        if !crate::rows::spans_fit(&frame, &counts) {
            return wrong(from, "a span reaches past its section");
        }
        Ok(frame)
    }

    /// Takes one section in, and returns where it ends.
    fn section(&mut self, bytes: &[u8], at: usize, entry: &Entry, floor: usize) -> Result<usize, FrameError> {
        let (offset, stride) = (entry.offset as usize, entry.stride as usize);
        if offset % 8 != 0 || offset < floor {
            return wrong(at, "a section is misaligned, or overlaps what comes before");
        }
        let end = offset as u64 + entry.count as u64 * stride as u64;
        if end > bytes.len() as u64 {
            return wrong(at, "a section reaches past the end");
        }
        let section = Section {
            // SAFETY: offset is within the frame.
            base: unsafe { bytes.as_ptr().add(offset) },
            count: entry.count,
            stride: stride as u32,
        };
        let (slot, (size, align)) = match (entry.op, gone_slot(entry.table)) {
            (PUT, _) if (entry.table as usize) < TABLES => (&mut self.put[entry.table as usize], SIZES[entry.table as usize]),
            (GONE, Some(slot)) => (&mut self.gone[slot], SIZES[table::GONE as usize]),
            _ => return Ok(end as usize), // of a table that this crate does not know
        };
        if size == 0 {
            return Ok(end as usize);
        }
        // No layout is older than this crate's, so a row is never shorter.
        let fixed = entry.table == table::BYTES || entry.table == table::IDS;
        if entry.stride < size || entry.stride % align != 0 || fixed && entry.stride != size {
            return wrong(at, "a stride is too small, or not what rows need");
        }
        if !slot.base.is_null() {
            return wrong(at, "a section comes twice");
        }
        *slot = section;
        Ok(end as usize)
    }

    /// The header.
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// The rows of a table that come or change, by their type.
    #[inline]
    pub fn rows<T: Row>(&self) -> Rows<'a, T> {
        let section = self.put[T::TABLE as usize];
        Rows { base: section.base, count: section.count, stride: section.stride, frame: PhantomData }
    }

    /// Refs of what left a table: `table::AGENT`, `table::WORK` or
    /// `table::QUEUE`. Other tables have none.
    pub fn gone(&self, table: u16) -> Rows<'a, crate::rows::Gone> {
        let section = gone_slot(table).map_or(NO_SECTION, |slot| self.gone[slot]);
        Rows { base: section.base, count: section.count, stride: section.stride, frame: PhantomData }
    }
}

fn read_header(bytes: &[u8]) -> Result<&Header, FrameError> {
    if bytes.len() < size_of::<Header>() {
        return wrong(bytes.len(), "it is shorter than its header");
    }
    if bytes.as_ptr() as usize % align_of::<Header>() != 0 {
        return wrong(0, "it does not begin at a multiple of 8; copy it to a Buffer");
    }
    // SAFETY: long enough and aligned, and every bit pattern is a header.
    let header = unsafe { &*bytes.as_ptr().cast::<Header>() };
    let directory = header.header_len as usize + header.sections as usize * size_of::<Entry>();
    if header.magic != MAGIC {
        wrong(0, "it has another magic")
    } else if header.frame_len as usize != bytes.len() || bytes.len() > MAX_FRAME {
        wrong(8, "its length is not what its header says")
    } else if (header.header_len as usize) < size_of::<Header>() || header.header_len % 8 != 0 {
        wrong(4, "its header has a wrong length")
    } else if header.sections as usize > MAX_SECTIONS || directory > bytes.len() {
        wrong(12, "its directory reaches past the end")
    } else {
        Ok(header)
    }
}

/// Bytes that begin at a multiple of 8, as frames must.
#[derive(Default)]
pub struct Buffer {
    words: Vec<u64>,
    len: usize,
}

impl Buffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { words: Vec::new(), len: 0 }
    }

    /// Makes the buffer `len` bytes long. What it held is kept as far as it
    /// fits; what is new is 0 or left from before.
    pub fn resize(&mut self, len: usize) {
        let words = len.div_ceil(8);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
        self.len = len;
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: words holds at least len bytes, all of them set.
        unsafe { core::slice::from_raw_parts(self.words.as_ptr().cast(), self.len) }
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in bytes.
        unsafe { core::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast(), self.len) }
    }
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Self::new();
        buffer.resize(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
    }
}

/// Writes a frame into a [`Buffer`]: the sections in the order in which they
/// are given, empty ones left out.
///
/// The number of sections is said first, since the directory comes before them.
pub struct Writer<'b> {
    buffer: &'b mut Buffer,
    room: usize,
    sections: usize,
    at: usize,
}

impl<'b> Writer<'b> {
    /// Begins a frame of at most `sections` sections, over what the buffer
    /// held.
    pub fn new(buffer: &'b mut Buffer, sections: usize) -> Self {
        let at = size_of::<Header>() + sections * size_of::<Entry>();
        buffer.resize(at);
        Self { buffer, room: sections, sections: 0, at }
    }

    /// Adds a section of rows that come or change. Nothing happens if there
    /// are none, or no place for another section.
    pub fn rows<T: Row>(&mut self, rows: &[T]) {
        self.section(T::TABLE, PUT, rows);
    }

    /// Adds a section of what left a table.
    pub fn gone(&mut self, table: u16, rows: &[crate::rows::Gone]) {
        self.section(table, GONE, rows);
    }

    fn section<T: Row>(&mut self, table: u16, op: u8, rows: &[T]) {
        if rows.is_empty() || self.sections == self.room {
            return;
        }
        let (offset, length) = (self.at, core::mem::size_of_val(rows));
        self.at = (offset + length).next_multiple_of(8);
        self.buffer.resize(self.at);
        let entry = Entry {
            table,
            op,
            layout: LAYOUT,
            stride: size_of::<T>() as u16,
            count: rows.len() as u32,
            offset: offset as u32,
            ..Entry::default()
        };
        let bytes = self.buffer.bytes_mut();
        // SAFETY: a row is made of integers only, without padding.
        let content = unsafe { core::slice::from_raw_parts(rows.as_ptr().cast::<u8>(), length) };
        bytes[offset..offset + length].copy_from_slice(content);
        bytes[offset + length..].fill(0);
        let place = size_of::<Header>() + self.sections * size_of::<Entry>();
        // SAFETY: the same of an entry.
        let content = unsafe { core::slice::from_raw_parts((&entry as *const Entry).cast::<u8>(), size_of::<Entry>()) };
        bytes[place..place + size_of::<Entry>()].copy_from_slice(content);
        self.sections += 1;
    }

    /// Ends the frame and returns its bytes. Of the header, magic, lengths and
    /// the number of sections are filled in.
    ///
    /// # Panics
    ///
    /// If fewer sections were written than `new` was told.
    pub fn end(self, header: Header) -> &'b [u8] {
        assert_eq!(self.sections, self.room, "patchbay: a frame was promised another number of sections");
        let header = Header {
            magic: MAGIC,
            header_len: size_of::<Header>() as u16,
            frame_len: self.at as u32,
            sections: self.sections as u16,
            ..header
        };
        // SAFETY: a header is made of integers only, without padding.
        let content = unsafe { core::slice::from_raw_parts((&header as *const Header).cast::<u8>(), size_of::<Header>()) };
        self.buffer.bytes_mut()[..size_of::<Header>()].copy_from_slice(content);
        self.buffer.bytes()
    }
}
