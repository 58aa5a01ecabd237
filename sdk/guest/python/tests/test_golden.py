# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""The golden frames: read as their JSON says, and written back to the same bytes."""

import json
import os
import unittest
from pathlib import Path

from patchbay import Board, FrameError, NeedSnapshot, Turn, frame, rows

GOLDEN = Path(os.environ.get("PATCHBAY_GOLDEN") or Path(__file__).parents[4] / "sdk/route/testdata/golden")
TYPES = [
    rows.Word, rows.Channel, rows.Queue, rows.Agent, rows.Work, rows.Settled, rows.Item, rows.Candidate, rows.Member,
    rows.Skill, rows.Need, rows.Attribute, rows.Proposal, rows.Note,
]
GONE = [rows.Work, rows.Agent, rows.Queue]


def read(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text())


def names() -> list[str]:
    found = sorted(p.stem for p in GOLDEN.glob("*.hex"))
    assert len(found) >= 8, f"no golden frames in {GOLDEN}"
    return found


def plain(row) -> dict:
    """Returns a row as the JSON has it, numbers of 64 bits as numbers."""
    out = {}
    for key, value in row._asdict().items():
        if key.endswith("_at") and key[:-3] + "_n" in row._fields:
            out[key[:-3]] = {"at": value, "n": getattr(row, key[:-3] + "_n")}
        elif not (key.endswith("_n") and key[:-2] + "_at" in row._fields):
            out[key] = int(value)
    return out


def numbers(value):
    """Returns what the JSON says with numbers for strings of digits."""
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [numbers(v) for v in value]
    return int(value) if isinstance(value, str) else value


class Golden(unittest.TestCase):
    def test_read(self):
        for name in names():
            with self.subTest(name):
                want = json.loads((GOLDEN / f"{name}.json").read_text())
                got = frame.Frame(read(name))
                self.assertEqual(plain(got.header), numbers(want["header"]))
                text = want["sections"].pop("bytes", "")
                sections = {t.TABLE.name.lower(): [plain(r) for r in got.rows(t)] for t in TYPES}
                for t in GONE:
                    sections[t.TABLE.name.lower() + " gone"] = [plain(r) for r in got.rows(rows.Gone, t.TABLE, frame.GONE)]
                sections["ids"] = list(got.ids())
                self.assertEqual({k: v for k, v in sections.items() if v}, numbers(want["sections"]))
                self.assertEqual(got.bytes(), text.encode())

    def test_write(self):
        for name in names():
            with self.subTest(name):
                got = frame.Frame(read(name))
                parts = [frame.part(rows.Gone, got.rows(rows.Gone, t.TABLE, frame.GONE), t.TABLE, frame.GONE) for t in GONE]
                parts += [frame.part(t, got.rows(t)) for t in TYPES]
                ids = b"".join(i.to_bytes(4, "little") for i in got.ids())
                parts.append(frame.Part(rows.Table.IDS, frame.PUT, 4, len(ids) // 4, ids))
                parts.append(frame.Part(rows.Table.BYTES, frame.PUT, 1, len(got.bytes()), got.bytes()))
                self.assertEqual(frame.write(got.header, parts).hex(), read(name).hex())

    def test_items(self):
        turn = Turn(read("candidates"))
        want = json.loads((GOLDEN / "candidates.json").read_text())["items"]
        got = [
            {
                "ref": i.ref, "revision": i.row.revision, "queue": i.queue, "channel": i.channel,
                "attributes": i.attributes, "declined": i.declined, "preferred": i.preferred, "external": i.external,
                "needs": [{"skill": k, "level": n.level, "flags": n.flags} for k, n in i.needs.items()],
                "candidates": [
                    {"agent": c.name, "ref": c.ref, "skills": c.skills, "status": c.status, "takes": c.takes}
                    for c in i.candidates
                ],
            }
            for i in turn.items
        ]
        self.assertEqual(got, want)

    def test_board(self):
        board = Board()
        snapshot, delta = Turn(read("snapshot")), Turn(read("delta"))
        with self.assertRaises(NeedSnapshot):
            board.apply(delta)
        board.apply(snapshot)
        board.apply(delta)
        self.assertEqual(board.digest, delta.digest)
        with self.assertRaises(NeedSnapshot):
            board.apply(delta)  # a second time

    def test_digest(self):
        board = Board()
        board._fold(rows.Agent(ref=6, gen=1, version=3))
        self.assertEqual(board.digest, 0x4D9BDA0E)
        board._fold(rows.Work(ref=8, gen=4, revision=2))
        self.assertEqual(board.digest, 0xA2D515C3)

    def test_refused(self):
        """A frame with any byte changed is read, or refused by FrameError; nothing else."""
        for name in ("candidates", "delta"):
            whole = read(name)
            for at in range(len(whole)):
                for value in (0, 0xFF, whole[at] ^ 1):
                    changed = whole[:at] + bytes((value,)) + whole[at + 1 :]
                    try:
                        turn = Turn(changed)
                        list(turn.items)
                    except FrameError:
                        pass
                with self.assertRaises(FrameError):
                    Turn(whole[:at])

    def test_stride(self):
        """Rows of a later layout are longer: what is known of them is read."""
        got = frame.Frame(read("candidates"))
        longer = [
            frame.Part(
                t.TABLE, frame.PUT, t.SIZE + 8, len(got.rows(t)), b"".join(t.FORMAT.pack(*r) + b"\xff" * 8 for r in got.rows(t))
            )
            for t in TYPES
        ]
        again = frame.Frame(frame.write(got.header, longer))
        for t in TYPES:
            self.assertEqual(again.rows(t), got.rows(t))


class Layout(unittest.TestCase):
    def test_sizes(self):
        for t in TYPES + [rows.Header, rows.Entry, rows.Gone]:
            self.assertEqual(t.FORMAT.size, t.SIZE, t.__name__)
            self.assertEqual(t._make(t.FORMAT.unpack(t.FORMAT.pack(*t()))), t())


if __name__ == "__main__":
    unittest.main()
