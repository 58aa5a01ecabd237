// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//! The rungs, played through a guest as the host plays them.

use patchbay::sample::Sample;
use patchbay::{
    Buffer, Choice, Frame, Guest, Header, Json, Manifest, Note, Pick, Picked, Picks, Proposal, Refusal, Reply, Settings,
    Strategy, Turn, View, Writer,
};

const MANIFEST: Manifest = Manifest { name: "last", version: "1.2.3", ..Manifest::EMPTY };

/// Chooses the two whom the host puts last, and draws the score.
struct Last {
    waits: bool,
}

impl Pick for Last {
    fn configure(&mut self, settings: &Settings<'_>) -> Result<(), String> {
        settings.only(&["waits"])?;
        self.waits = settings.flag("waits", false)?;
        Ok(())
    }

    fn pick(&mut self, turn: &Turn<'_>, choice: &Choice<'_>, picks: &mut Picks<'_, '_>) {
        if self.waits {
            return picks.note(7);
        }
        let mut all: Vec<_> = choice.takes().collect();
        all.reverse();
        for (agent, takes) in all.into_iter().take(2) {
            assert_eq!(takes, choice.work.size);
            picks.add(agent, turn.random(|r| r.below(1000)) as i32, 3);
        }
    }

    fn finish(&mut self, turn: &Turn<'_>, reply: &mut Reply) {
        reply.wake_by(turn.now() + 5000);
        reply.wake_by(turn.now() + 9000);
    }
}

fn day() -> Sample {
    let mut day = Sample::new(1000);
    let agents: Vec<_> = ["ada", "ben", "cem"].iter().map(|name| day.agent(name, &[])).collect();
    for _ in 0..2 {
        let work = day.work("support", &[]);
        day.offer(work, &agents);
    }
    day
}

fn guest(settings: &str) -> Guest {
    let mut guest = Guest::new(MANIFEST, Picked::new(Last { waits: false }));
    assert_eq!(guest.cold(2, settings.as_bytes()), b"{}");
    guest
}

#[test]
fn picks_are_proposed_in_order() {
    let frame = day().frame();
    let mut g = guest("{}");
    let answer = Buffer::from(g.turn(frame.bytes()));
    let reply = Frame::read(answer.bytes()).unwrap();
    let header = reply.header();
    assert_eq!((header.kind, header.status, header.epoch, header.seq, header.seed), (16, 0, 1, 1, 6000));
    let made: Vec<_> = reply.rows::<Proposal>().iter().map(|p| (p.work, p.agent, p.rank, p.reason)).collect();
    assert_eq!(made, [(0, 2, 0, 3), (0, 1, 1, 3), (1, 2, 0, 3), (1, 1, 1, 3)]);
    let scores: Vec<_> = reply.rows::<Proposal>().iter().map(|p| p.score).collect();
    assert_ne!(scores[0], scores[1], "each draw is another");
    assert_eq!(g.turn(frame.bytes()), answer.bytes(), "the same turn has another answer");
    assert_eq!(guest("{}").turn(frame.bytes()), answer.bytes(), "another guest answers otherwise");
}

#[test]
fn host_settles_in_order() {
    let made = day().play(&mut Picked::new(Last { waits: false })).unwrap();
    assert_eq!(made, [(0, 2), (1, 1)], "who is full is passed over");
}

#[test]
fn notes_say_why() {
    let frame = day().frame();
    let mut g = guest(r#"{"waits":true}"#);
    let reply = Frame::read(g.turn(frame.bytes())).unwrap();
    let notes: Vec<_> = reply.rows::<Note>().iter().map(|n| (n.work, n.reason)).collect();
    assert_eq!((notes, reply.rows::<Proposal>().len()), (vec![(0, 7), (1, 7)], 0));
}

fn status(answer: &[u8]) -> (u16, u64, String) {
    let answer = Buffer::from(answer);
    let frame = Frame::read(answer.bytes()).unwrap();
    (frame.header().status, frame.header().seq, String::from_utf8_lossy(frame.rows::<u8>().bytes()).into_owned())
}

#[test]
fn statuses() {
    let frame = day().frame();
    let mut g = Guest::new(MANIFEST, Picked::new(Last { waits: false }));
    assert_eq!(status(g.turn(frame.bytes())), (4, 1, String::new()), "not configured yet");
    assert!(String::from_utf8_lossy(g.cold(2, br#"{"wait":true}"#)).contains("there is no"));
    assert_eq!(status(g.turn(frame.bytes())).0, 4, "refused settings configured it");
    assert_eq!(g.cold(2, b""), b"{}");
    assert_eq!(status(g.turn(frame.bytes())).0, 0);
    assert_eq!(status(g.turn(&frame.bytes()[..8])), (3, 0, "frame: at byte 8: it is shorter than its header".into()));
    let mut buffer = Buffer::new();
    let board = Writer::new(&mut buffer, 0).end(Header { kind: 2, seq: 8, ..Header::default() }).to_vec();
    let answer = status(g.turn(Buffer::from(&board[..]).bytes()));
    assert_eq!((answer.0, answer.1), (6, 8));
    assert!(answer.2.contains("View::Candidates"), "{}", answer.2);
    assert_eq!(g.cold(3, b""), b"{}");
    assert_eq!(status(g.turn(frame.bytes())).0, 4, "drained");
    assert!(String::from_utf8_lossy(g.cold(9, b"")).contains("unknown operation 9"));
}

/// Takes the whole turn, and asks for a snapshot when one is missing.
struct Board(u64);

impl Strategy for Board {
    fn turn(&mut self, turn: &Turn<'_>, reply: &mut Reply) -> Result<(), Refusal> {
        if turn.kind().resets() {
            self.0 = turn.seq();
        } else if turn.base_seq() != self.0 {
            return Err(Refusal::need_snapshot());
        }
        self.0 = turn.seq();
        reply.digest = turn.digest();
        Ok(())
    }
}

#[test]
fn whole_turns() {
    let mut g = Guest::new(Manifest { view: View::Board, ..MANIFEST }, Board(0));
    let manifest = String::from_utf8(g.cold(1, b"").to_vec()).unwrap();
    assert_eq!(Json::parse(&manifest).unwrap().get("view").unwrap().text().unwrap(), "board");
    g.cold(2, b"{}");
    let mut play = |kind, seq, base_seq| {
        let mut buffer = Buffer::new();
        Writer::new(&mut buffer, 0).end(Header { kind, seq, base_seq, digest: 77, ..Header::default() });
        let answer = Buffer::from(g.turn(buffer.bytes()));
        let frame = Frame::read(answer.bytes()).unwrap();
        (frame.header().status, frame.header().digest)
    };
    assert_eq!(play(2, 1, 0), (0, 77));
    assert_eq!(play(1, 2, 1), (0, 77));
    assert_eq!(play(1, 4, 3), (1, 0), "a gap");
    assert_eq!(play(2, 5, 0), (0, 77));
}
