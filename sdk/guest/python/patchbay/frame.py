# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""What a frame is: reading turns, writing replies.

frame.md beside the protobuf files of patchbay.strategy.v1 describes the bytes;
the rows are generated from frame.layout there. Nothing is known here of how
frames are carried.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Iterable, NamedTuple, Sequence

from . import rows
from .rows import Table

MAGIC = 0x314E5254
MAX_SECTIONS = 64
MAX_FRAME_BYTES = 1 << 30
MAX_STATUS_TEXT = 4096
RESULT = 16
PUT, GONE = 1, 2


class Kind(IntEnum):
    """Tells what a turn holds."""

    DELTA = 1
    """Changes since the turn that its base_seq names. Proposals are wanted."""
    SNAPSHOT = 2
    """The whole board at once. Proposals are wanted."""
    SNAPSHOT_FIRST = 3
    """The first page of a snapshot: the board is emptied first."""
    SNAPSHOT_MORE = 4
    """A further page of a snapshot."""
    SNAPSHOT_LAST = 5
    """The last page of a snapshot. Proposals are wanted."""
    CANDIDATES = 6
    """Items with their candidates, which stand alone. Proposals are wanted."""


class Status(IntEnum):
    """Tells how a turn went."""

    OK = 0
    NEED_SNAPSHOT = 1
    STALE_EPOCH = 2
    BAD_FRAME = 3
    NOT_READY = 4
    OVER_BUDGET = 5
    INTERNAL = 6


class FrameError(ValueError):
    """Says why bytes are not a frame."""


class NeedSnapshot(Exception):
    """Raised by a strategy whose board is out of step: it asks for a snapshot."""


class OverBudget(Exception):
    """Raised by a strategy that gives up because its budget ran out."""


class Section(NamedTuple):
    """One section of a frame, as its directory says."""

    stride: int
    count: int
    body: memoryview


class Frame:
    """The header and the sections of one frame, checked.

    Every offset and count is checked, so that rows can be read without a care;
    spans are checked by those who know which list they count.
    """

    def __init__(self, data: bytes | bytearray | memoryview):
        view = memoryview(data)
        size = rows.Header.SIZE
        if len(view) < size:
            raise FrameError(f"{len(view)} bytes are less than the header's {size}")
        header = rows.Header._make(rows.Header.FORMAT.unpack_from(view))
        at = header.header_len
        if header.magic != MAGIC:
            raise FrameError(f"magic {header.magic:#x} is not {MAGIC:#x}")
        if header.frame_len != len(view) or len(view) > MAX_FRAME_BYTES:
            raise FrameError(f"frame length {header.frame_len}, but {len(view)} bytes came")
        if at < size or at % 8 or at > len(view):
            raise FrameError(f"header length {at}")
        floor = at + header.sections * rows.Entry.SIZE
        if header.sections > MAX_SECTIONS or floor > len(view):
            raise FrameError(f"{header.sections} sections")
        self.header = header
        self.sections: dict[tuple[int, int], Section] = {}
        for _ in range(header.sections):
            floor = self._section(view, at, floor)
            at += rows.Entry.SIZE

    def _section(self, view: memoryview, at: int, floor: int) -> int:
        entry = rows.Entry._make(rows.Entry.FORMAT.unpack_from(view, at))
        end = entry.offset + entry.count * entry.stride
        if entry.stride == 0:
            raise FrameError(f"table {entry.table}: stride 0")
        if entry.offset % 8 or entry.offset < floor:
            raise FrameError(f"table {entry.table}: offset {entry.offset} is not a multiple of 8 past the section before")
        if end > len(view):
            raise FrameError(f"table {entry.table}: {entry.count} rows of {entry.stride} bytes at {entry.offset} end past the frame")
        key = (entry.table, entry.op)
        if key in self.sections:
            raise FrameError(f"table {entry.table} comes twice")
        self.sections[key] = Section(entry.stride, entry.count, view[entry.offset : end])
        return end

    def rows(self, row, table: int | None = None, op: int = PUT) -> list:
        """Returns the rows of a section, a list of the row type; empty if it is not there.

        A row that is longer than this package knows is read as far as it is known.
        """
        table = row.TABLE if table is None else table
        section = self.sections.get((table, op))
        if section is None:
            return []
        if section.stride < row.SIZE or section.stride % 4:
            raise FrameError(f"table {table}: stride {section.stride} is less than {row.SIZE}, or not a multiple of 4")
        if section.stride == row.SIZE:
            return list(map(row._make, row.FORMAT.iter_unpack(section.body)))
        return [
            row._make(row.FORMAT.unpack_from(section.body, at))
            for at in range(0, section.stride * section.count, section.stride)
        ]

    def ids(self) -> Sequence[int]:
        """Returns the section of dictionary ids."""
        section = self.sections.get((Table.IDS, PUT))
        if section is None:
            return ()
        if section.stride != 4:
            raise FrameError(f"table {Table.IDS}: stride {section.stride} is not 4")
        return [int.from_bytes(section.body[at : at + 4], "little") for at in range(0, 4 * section.count, 4)]

    def bytes(self) -> bytes:
        """Returns the section of bytes."""
        section = self.sections.get((Table.BYTES, PUT))
        if section is None:
            return b""
        if section.stride != 1:
            raise FrameError(f"table {Table.BYTES}: stride {section.stride} is not 1")
        return bytes(section.body)


def epoch_and_seq(data: bytes) -> tuple[int, int]:
    """Returns whose frame it claims to be, (0, 0) if it is no frame at all."""
    if len(data) < rows.Header.SIZE:
        return 0, 0
    header = rows.Header._make(rows.Header.FORMAT.unpack_from(data))
    return (header.epoch, header.seq) if header.magic == MAGIC else (0, 0)


class Part(NamedTuple):
    """One section that is to be written."""

    table: int
    op: int
    stride: int
    count: int
    body: bytes


def part(row_type, items: Iterable, table: int | None = None, op: int = PUT) -> Part:
    """Returns the section of rows of one type."""
    pack = row_type.FORMAT.pack
    packed = [pack(*item) for item in items]
    return Part(row_type.TABLE if table is None else table, op, row_type.SIZE, len(packed), b"".join(packed))


def write(header: rows.Header, parts: Iterable[Part]) -> bytes:
    """Returns a frame. What the header says of lengths is filled in."""
    present = [p for p in parts if p.count]
    at = rows.Header.SIZE + len(present) * rows.Entry.SIZE
    directory, body = [], []
    for p in present:
        gap = -at % 8
        directory.append(rows.Entry(p.table, p.op, rows.LAYOUT, p.stride, p.count, at + gap))
        body += [bytes(gap), p.body]
        at += gap + len(p.body)
    tail = -at % 8
    header = header._replace(
        magic=MAGIC, header_len=rows.Header.SIZE, frame_len=at + tail, sections=len(present)
    )
    return b"".join(
        [rows.Header.FORMAT.pack(*header)] + [rows.Entry.FORMAT.pack(*e) for e in directory] + body + [bytes(tail)]
    )


def write_status(epoch: int, seq: int, status: Status, text: str = "") -> bytes:
    """Returns a reply that says how a turn went wrong."""
    said = text.encode()[:MAX_STATUS_TEXT].decode(errors="ignore").encode()
    return write(
        rows.Header(kind=RESULT, status=status, epoch=epoch, seq=seq),
        [Part(Table.BYTES, PUT, 1, len(said), said)],
    )
