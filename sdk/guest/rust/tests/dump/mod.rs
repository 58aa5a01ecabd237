// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! Frames and golden JSON as sorted lines, to be held against each other.

#[rustfmt::skip] // generated
mod rows;

use patchbay::{Buffer, Entry, Frame, Header, Json};
use std::mem::size_of;

/// Every value of a frame, its header included.
pub fn frame(frame: &Frame<'_>) -> String {
    let mut out = lines(frame);
    let h = frame.header();
    for (name, value) in [
        ("magic", u64::from(h.magic)),
        ("header_len", u64::from(h.header_len)),
        ("kind", u64::from(h.kind)),
        ("flags", u64::from(h.flags)),
        ("frame_len", u64::from(h.frame_len)),
        ("sections", u64::from(h.sections)),
        ("status", u64::from(h.status)),
        ("epoch", h.epoch),
        ("seq", h.seq),
        ("base_seq", h.base_seq),
        ("now", h.now as u64),
        ("seed", h.seed),
        ("budget", u64::from(h.budget)),
        ("digest", u64::from(h.digest)),
    ] {
        out.push(format!("header.{name}={value}"));
    }
    sorted(out)
}

/// Every value of the rows of a frame.
pub fn rows(frame: &Frame<'_>) -> String {
    sorted(lines(frame))
}

fn lines(frame: &Frame<'_>) -> Vec<String> {
    let mut out = Vec::new();
    rows::rows(frame, &mut out);
    let bytes = frame.rows::<u8>().bytes();
    if !bytes.is_empty() {
        out.push(format!("bytes={}", String::from_utf8_lossy(bytes)));
    }
    out
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.join("\n")
}

/// Every value that a golden JSON says, the header's included.
pub fn expected(json: &Json<'_>) -> String {
    let mut out = Vec::new();
    flatten("header", json.get("header").unwrap(), &mut out);
    sections(json, &mut out);
    sorted(out)
}

/// Every value that a golden JSON says of the rows.
pub fn expected_rows(json: &Json<'_>) -> String {
    let mut out = Vec::new();
    sections(json, &mut out);
    sorted(out)
}

fn sections(json: &Json<'_>, out: &mut Vec<String>) {
    for (table, rows) in json.get("sections").unwrap().members() {
        flatten(&table.text().unwrap(), rows, out);
    }
}

fn flatten(path: &str, json: Json<'_>, out: &mut Vec<String>) {
    if let Some(text) = json.text() {
        out.push(format!("{path}={text}"));
    } else if let Some(number) = json.number() {
        out.push(format!("{path}={number}"));
    } else {
        for (i, item) in json.items().enumerate() {
            flatten(&format!("{path}[{i}]"), item, out);
        }
        for (key, value) in json.members() {
            flatten(&format!("{path}.{}", key.text().unwrap()), value, out);
        }
    }
}

/// Writes the frame as a newer host would: a longer header, and rows with 8
/// bytes more that mean nothing here.
pub fn lengthen(bytes: &[u8]) -> Buffer {
    const MORE: usize = 8;
    let number = |at: usize, n: usize| bytes[at..at + n].iter().rev().fold(0usize, |v, b| v << 8 | *b as usize);
    let (header, entry) = (size_of::<Header>(), size_of::<Entry>());
    let sections = number(12, 2);
    let mut out = bytes[..header].to_vec();
    out.extend([0xaa; MORE]);
    out.extend(&bytes[header..header + sections * entry]);
    out[4] += MORE as u8;
    for i in 0..sections {
        let from = header + i * entry;
        let (table, stride, count, at) = (number(from, 2), number(from + 4, 2), number(from + 8, 4), number(from + 12, 4));
        let fixed = table == patchbay::table::BYTES as usize || table == patchbay::table::IDS as usize;
        let more = if fixed { 0 } else { MORE };
        let place = from + MORE;
        let offset = out.len() as u32;
        out[place + 4..place + 6].copy_from_slice(&((stride + more) as u16).to_le_bytes());
        out[place + 12..place + 16].copy_from_slice(&offset.to_le_bytes());
        for row in 0..count {
            out.extend(&bytes[at + row * stride..at + (row + 1) * stride]);
            out.extend(vec![0xbb; more]);
        }
        out.resize(out.len().next_multiple_of(8), 0);
    }
    let len = out.len() as u32;
    out[8..12].copy_from_slice(&len.to_le_bytes());
    Buffer::from(&out[..])
}
