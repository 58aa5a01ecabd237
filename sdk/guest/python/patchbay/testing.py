# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Tests of strategies that decide on candidates, without a host.

    def test_gold_first(self):
        scene = Scene(plugin, {"bonus": 100})
        scene.agent("anna", skills={"german": 3})
        scene.agent("bert")
        scene.work("w1", ["anna", "bert"], attributes={"tier": "gold"})
        self.assertEqual(scene.play().offers, {"w1": ["bert", "anna"]})

A scene is written as the frame that a host would send, and answered by the same
code that serves a host.
"""

from __future__ import annotations

import json
from typing import Any, Mapping, NamedTuple, Sequence

from . import frame, rows, wire
from .frame import Kind, Status
from .instance import FEATURE_CANDIDATES, Instance
from .plugin import Plugin

SECOND = 1000
NOW = 1_767_225_600_000
"""The time of a scene if it is not said: 2026-01-01, in Unix milliseconds."""


class Answer(NamedTuple):
    """What the strategy said."""

    offers: dict[str, list[str]]
    """For each work whom it is to be offered to, best first."""
    reasons: dict[str, str]
    """For each work that waits with a note, or is offered, the name of the reason."""
    wake_at: int
    """When a turn is wanted; 0 if none is."""


class Scene:
    """A candidates turn in the making. Each scene has a strategy of its own."""

    def __init__(self, plugin: Plugin, settings: Mapping[str, Any] | None = None, now: int = NOW, seed: int = 1):
        self._instance = Instance(plugin)
        self._reasons = {r.code: r.name for r in plugin.reasons}
        self._now, self._seed = now, seed
        self._words: dict[str, int] = {}
        self._text = bytearray()
        self._rows: dict[Any, list] = {
            t: []
            for t in (
                rows.Word, rows.Channel, rows.Queue, rows.Agent, rows.Work, rows.Settled, rows.Item, rows.Candidate,
                rows.Member, rows.Skill, rows.Need, rows.Attribute,
            )
        }
        self._agents: list[str] = []
        self._work: list[str] = []
        self._names: dict[Any, list[str]] = {rows.Queue: [], rows.Channel: []}
        self._instance.handshake(wire.HandshakeRequest(features=[FEATURE_CANDIDATES], epoch=1))
        request = wire.ConfigureRequest(1, json.dumps(settings or {}).encode())
        for diagnostic in self._instance.configure(request).diagnostics:
            raise ValueError(f"the strategy refuses its settings: {diagnostic.path}: {diagnostic.message}")

    def agent(
        self, name: str, skills: Mapping[str, float] | None = None, *, capacity: float = 1, used: float = 0,
        open: int = 0, idle: float = 0, status: str = "available",
    ) -> None:
        """Adds an agent; open is the assignments offered or open, idle is in seconds."""
        held = [rows.Skill(self._word(n), round(level * 1000)) for n, level in (skills or {}).items()]
        at = self._add(rows.Skill, held)
        self._rows[rows.Agent].append(
            rows.Agent(
                ref=len(self._agents) + 1, gen=1, version=1, name=self._word(name), status=self._word(status), channels=1,
                flags=rows.AgentFlags.CONNECTED, capacity=round(capacity * 1000), used=round(used * 1000), max_open=1000,
                open=open, idle_since=0 if used or open else self._now - round(idle * SECOND), skills_at=at, skills_n=len(held),
            )
        )
        self._agents.append(name)

    def work(
        self, name: str, candidates: Sequence[str], *, queue: str = "support", channel: str = "case", age: float = 0,
        priority: int = 0, size: float = 1, needs: Mapping[str, float] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Adds work to decide on, with its candidates in the host's order; age is in seconds."""
        wanted = [rows.Need(self._word(n), round(level * 1000)) for n, level in (needs or {}).items()]
        said = [rows.Attribute(self._word(n), *self._bytes(v)) for n, v in (attributes or {}).items()]
        number = len(self._work)
        row = rows.Work(
            ref=number + 1, gen=1, revision=1, sequence=number + 1, queue=self._name(rows.Queue, queue),
            channel=self._name(rows.Channel, channel), state=rows.WorkState.WAITING, priority=priority,
            requested_at=self._now - round(age * SECOND), size=round(size * 1000),
            needs_at=self._add(rows.Need, wanted), needs_n=len(wanted),
            attributes_at=self._add(rows.Attribute, said), attributes_n=len(said),
        )
        self._rows[rows.Work].append(row)
        found = [rows.Candidate(self._agents.index(c), row.size) for c in candidates]
        self._rows[rows.Item].append(rows.Item(number, self._add(rows.Candidate, found), len(found)))
        self._work.append(name)

    def play(self) -> Answer:
        """Plays the turn. A strategy that fails raises RuntimeError, with what it said."""
        got = frame.Frame(self._instance.turn(self.frame()))
        if got.header.status != Status.OK:
            raise RuntimeError(f"{Status(got.header.status).name}: {got.bytes().decode()}")
        offers: dict[str, list[str]] = {name: [] for name in self._work}
        reasons: dict[str, str] = {}
        for p in sorted(got.rows(rows.Proposal), key=lambda p: p.rank):
            work = self._work[p.work - 1]
            offers[work].append(self._agents[p.agent - 1])
            if p.reason:
                reasons.setdefault(work, self._reasons[p.reason])
        for note in got.rows(rows.Note):
            reasons[self._work[note.work - 1]] = self._reasons[note.reason]
        return Answer(offers, reasons, got.header.seed)

    def frame(self) -> bytes:
        """Returns the turn as a frame."""
        parts = [frame.part(row_type, found) for row_type, found in self._rows.items()]
        parts.append(frame.Part(rows.Table.BYTES, frame.PUT, 1, len(self._text), bytes(self._text)))
        return frame.write(rows.Header(kind=Kind.CANDIDATES, epoch=1, seq=1, now=self._now, seed=self._seed), parts)

    def _add(self, row_type: Any, found: list) -> int:
        there = self._rows[row_type]
        there += found
        return len(there) - len(found)

    def _bytes(self, text: str) -> tuple[int, int]:
        raw = text.encode()
        self._text += raw
        return len(self._text) - len(raw), len(raw)

    def _word(self, text: str) -> int:
        if text not in self._words:
            self._words[text] = len(self._words) + 1
            self._rows[rows.Word].append(rows.Word(self._words[text], *self._bytes(text)))
        return self._words[text]

    def _name(self, row_type: Any, name: str) -> int:
        """Returns the ref of a queue, or the ordinal of a channel, by its name."""
        names = self._names[row_type]
        if name not in names:
            number = len(names)
            names.append(name)
            if row_type is rows.Queue:
                row = rows.Queue(ref=number, gen=1, version=1, name=self._word(name), model=rows.Model.LONGEST_IDLE)
            else:
                row = rows.Channel(number, self._word(name))
            self._rows[row_type].append(row)
        return names.index(name)
