// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! The golden frames of the contract, read and written. Their folder is named
//! by the variable PATCHBAY_GOLDEN, else it is the repository's.

mod dump;

use patchbay::{table, Buffer, Frame, Id, Row, Turn, Writer};
use std::path::PathBuf;

fn folder() -> PathBuf {
    match std::env::var_os("PATCHBAY_GOLDEN") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../route/testdata/golden"),
    }
}

/// Every frame: its name, its bytes, and what the JSON beside it says.
fn golden() -> Vec<(String, Buffer, String)> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder()).expect("the golden frames") {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "hex") {
            let digits: String = std::fs::read_to_string(&path).unwrap().split_whitespace().collect();
            let bytes: Vec<u8> =
                (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect();
            let json = std::fs::read_to_string(path.with_extension("json")).unwrap();
            all.push((path.file_stem().unwrap().to_string_lossy().into_owned(), Buffer::from(&bytes[..]), json));
        }
    }
    assert!(all.len() >= 8, "there are {} golden frames in {:?}", all.len(), folder());
    all
}

/// The values of a golden JSON, one a line, as dump writes them.
fn expected(json: &str) -> String {
    dump::expected(&patchbay::Json::parse(json).unwrap())
}

#[test]
fn reads_the_same() {
    for (name, buffer, json) in golden() {
        let frame = Frame::read(buffer.bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(dump::frame(&frame), expected(&json), "{name}");
    }
}

fn copy<T: Row>(frame: &Frame<'_>) -> Vec<T> {
    frame.rows::<T>().iter().copied().collect()
}

#[test]
fn writes_the_same() {
    for (name, buffer, _) in golden() {
        let frame = Frame::read(buffer.bytes()).unwrap();
        let mut out = Buffer::from(&[0xff; 4096][..]);
        let mut w = Writer::new(&mut out, frame.header().sections as usize);
        for t in [table::WORK, table::AGENT, table::QUEUE] {
            let gone: Vec<_> = frame.gone(t).iter().copied().collect();
            w.gone(t, &gone);
        }
        w.rows(&copy::<patchbay::Word>(&frame));
        w.rows(&copy::<patchbay::Channel>(&frame));
        w.rows(&copy::<patchbay::Queue>(&frame));
        w.rows(&copy::<patchbay::Agent>(&frame));
        w.rows(&copy::<patchbay::Work>(&frame));
        w.rows(&copy::<patchbay::Settled>(&frame));
        w.rows(&copy::<patchbay::Item>(&frame));
        w.rows(&copy::<patchbay::Candidate>(&frame));
        w.rows(&copy::<patchbay::Member>(&frame));
        w.rows(&copy::<patchbay::Skill>(&frame));
        w.rows(&copy::<patchbay::Need>(&frame));
        w.rows(&copy::<patchbay::Attribute>(&frame));
        w.rows(&copy::<patchbay::Proposal>(&frame));
        w.rows(&copy::<patchbay::Note>(&frame));
        w.rows(&copy::<Id>(&frame));
        w.rows(&copy::<u8>(&frame));
        assert_eq!(w.end(*frame.header()), buffer.bytes(), "{name}");
    }
}

/// A newer host's rows are longer, and its header too: their tails are skipped.
#[test]
fn reads_longer_rows() {
    for (name, buffer, json) in golden() {
        let longer = dump::lengthen(buffer.bytes());
        let frame = Frame::read(longer.bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(dump::rows(&frame), dump::expected_rows(&patchbay::Json::parse(&json).unwrap()), "{name}");
    }
}

#[test]
fn follows_the_items() {
    let (_, buffer, _) = golden().into_iter().find(|(name, ..)| name == "candidates").unwrap();
    let turn = Turn::read(buffer.bytes()).unwrap();
    let work = turn.work().get(0).unwrap();
    assert_eq!(turn.item_rows().len(), 3);
    assert_eq!(turn.attribute(work, "city"), Some("Zürich"));
    assert_eq!(turn.attribute(work, "note"), Some(""));
    assert_eq!(turn.attribute(work, "none"), None);
    assert_eq!(turn.text(work.external), "crm/4711");
    assert_eq!(turn.text(turn.queue(work).unwrap().name), "support");
    let declined: Vec<_> = turn.declined(work).iter().map(|id| turn.text(*id)).collect();
    assert_eq!(declined, ["carla", "dora"]);
    let anna = turn.agents().get(0).unwrap();
    assert_eq!((turn.text(anna.name), turn.level(anna, "english"), turn.level(anna, "latin")), ("anna", Some(10_000), None));
    assert_eq!((turn.skill_sum(work, anna), turn.idle_ms(anna), turn.age_ms(work)), (10_000, 90_000, 45_000));
    assert_eq!(turn.seed(), 0x0102030405060708);
}

/// No byte of a frame can be changed so that reading it goes astray: it is
/// refused, or read as something else.
#[test]
fn survives_damage() {
    let mut random = patchbay::Random::new(7);
    for (_, buffer, _) in golden() {
        for _ in 0..2000 {
            let mut broken = Buffer::from(buffer.bytes());
            for _ in 0..=random.below(3) {
                let n = broken.bytes().len() as u32;
                broken.bytes_mut()[random.below(n) as usize] = random.bits() as u8;
            }
            if let Ok(turn) = Turn::read(broken.bytes()) {
                let _ = dump::frame(turn.frame());
                for work in turn.work() {
                    let _ = (turn.needs(work).len(), turn.attribute(work, "x"), turn.declined(work).len());
                }
            }
        }
    }
}

#[test]
fn refuses() {
    let (_, buffer, _) = golden().into_iter().find(|(name, ..)| name == "candidates").unwrap();
    let damage: [(&str, usize, u8); 7] = [
        ("magic", 0, 0),
        ("header", 4, 68),
        ("length", 8, 0),
        ("past the end", 12, 0xff),
        ("stride is too small", 68, 4),
        ("misaligned", 76, 0x21),
        ("past the end", 74, 0xff),
    ];
    for (want, at, value) in damage {
        let mut broken = Buffer::from(buffer.bytes());
        broken.bytes_mut()[at] = value;
        match Frame::read(broken.bytes()) {
            Ok(_) => panic!("{want}: it was read"),
            Err(e) => assert!(format!("{e}").contains(want), "{want}: {e}"),
        }
    }
}
