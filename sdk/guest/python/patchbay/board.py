# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""The board, kept in step turn by turn, for strategies on the third rung."""

from __future__ import annotations

from typing import NamedTuple

from . import rows
from .frame import Kind, NeedSnapshot
from .rows import Table
from .turn import Turn

_MASK = (1 << 64) - 1


class BoardAgent(NamedTuple):
    """An agent on the board, with lists that outlive the turn."""

    row: rows.Agent
    name: str
    status: str
    members: dict[int, rows.Member]
    """By the ref of the queue."""
    skills: dict[str, int]
    """Name to thousandths of a level."""


class BoardWork(NamedTuple):
    """Work on the board, with lists that outlive the turn."""

    row: rows.Work
    needs: dict[str, rows.Need]
    declined: frozenset[str]
    attributes: dict[str, str]
    agent: str
    """The agent who is preferred or required; "" if none is."""


class Board:
    """What the host knows and this strategy has been sent.

    `apply` takes a turn. It raises NeedSnapshot if the turn does not follow on,
    and the board is then empty until a snapshot comes.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.agents: dict[int, BoardAgent] = {}
        self.work: dict[int, BoardWork] = {}
        self.queues: dict[int, rows.Queue] = {}
        self.channels: dict[int, str] = {}
        self.words: dict[int, str] = {}
        self._epoch = self._seq = 0
        self._whole = False  # no page of a snapshot is missing
        self._digest = 0

    def text(self, word: int) -> str:
        """Returns the word of an id; "" for 0 and for what never came."""
        return self.words.get(word, "")

    @property
    def digest(self) -> int:
        """The fold over all rows that the host's digest is compared with."""
        return (self._digest >> 32) ^ (self._digest & 0xFFFFFFFF)

    def apply(self, turn: Turn) -> None:
        """Brings the board up to date."""
        try:
            self._follow(turn)
            self._take_gone(turn)
            self._take(turn)
            if turn.digest and turn.digest != self.digest:
                raise NeedSnapshot
        except NeedSnapshot:
            self._forget()
            raise

    def _follow(self, turn: Turn) -> None:
        """Checks that the turn builds on what is here."""
        if turn.kind in (Kind.SNAPSHOT, Kind.SNAPSHOT_FIRST):
            self._forget()
        elif turn.epoch != self._epoch or self._seq == 0:
            raise NeedSnapshot
        elif turn.kind == Kind.DELTA and not (self._whole and turn.base_seq == self._seq):
            raise NeedSnapshot
        elif turn.kind != Kind.DELTA and (self._whole or turn.seq != self._seq + 1):
            raise NeedSnapshot
        self._epoch, self._seq, self._whole = turn.epoch, turn.seq, turn.asks

    def _take_gone(self, turn: Turn) -> None:
        for gone, table in (
            (turn.work_gone, self.work),
            (turn.agents_gone, self.agents),
            (turn.queues_gone, self.queues),
        ):
            for ref, gen in gone:
                there = table.pop(ref, None)  # type: ignore[attr-defined]
                if there is None:
                    continue
                row = there if isinstance(there, rows.Queue) else there.row
                if row.gen != gen:
                    raise NeedSnapshot
                self._fold(row)

    def _take(self, turn: Turn) -> None:
        self.words.update(turn.names)
        for channel in turn.channels:
            self.channels[channel.ordinal] = self.text(channel.name)
        for queue in turn.queues:
            if queue.ref in self.queues:
                self._fold(self.queues[queue.ref])
            self.queues[queue.ref] = queue
            self._fold(queue)
        for agent in turn.agents:
            if agent.ref in self.agents:
                self._fold(self.agents[agent.ref].row)
            self.agents[agent.ref] = self._agent(turn, agent)
            self._fold(agent)
        for work in turn.work:
            if work.ref in self.work:
                self._fold(self.work[work.ref].row)
            self.work[work.ref] = self._work(turn, work)
            self._fold(work)

    def _agent(self, turn: Turn, row: rows.Agent) -> BoardAgent:
        members = turn.members[row.members_at : row.members_at + row.members_n]
        skills = turn.skills[row.skills_at : row.skills_at + row.skills_n]
        return BoardAgent(
            row,
            self.text(row.name),
            self.text(row.status),
            {m.queue: m for m in members},
            {self.text(s.name): s.level for s in skills},
        )

    def _work(self, turn: Turn, row: rows.Work) -> BoardWork:
        needs = turn.needs[row.needs_at : row.needs_at + row.needs_n]
        declined = turn.ids[row.declined_at : row.declined_at + row.declined_n]
        attributes = turn.attributes[row.attributes_at : row.attributes_at + row.attributes_n]
        return BoardWork(
            row,
            {self.text(n.name): n for n in needs},
            frozenset(map(self.text, declined)),
            {
                self.text(a.name): turn.bytes[a.value_at : a.value_at + a.value_n].decode(errors="replace")
                for a in attributes
            },
            self.text(row.agent),
        )

    def _fold(self, row: rows.Agent | rows.Work | rows.Queue) -> None:
        """Puts a row into the digest, or takes it out."""
        version = row.revision if isinstance(row, rows.Work) else row.version
        table = int(row.TABLE)
        self._digest ^= scramble((row.ref << 32 | row.gen) ^ scramble(table << 32 | version))


def scramble(z: int) -> int:
    """Returns the scramble of frame.md, by which digests are made."""
    z = (z + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
