# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""What an author writes: a strategy on one of three rungs, and its plugin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Sequence

from .rows import Proposal
from .turn import Candidate, Item, Reply, Turn, whole

RANKS = 16
"""How many candidates of an item are proposed at most."""


@dataclass(frozen=True)
class Reason:
    """Explains one reason code to people. As a number, it is its code."""

    code: int
    """1 to 65535."""
    name: str
    """A stable lower-case identifier."""
    text: str
    """One sentence."""

    def __index__(self) -> int:
        return self.code

    __int__ = __index__


class SettingsError(ValueError):
    """Refuses settings: says where, as a path such as "weights.age", and what is wrong."""

    def __init__(self, path: str, message: str):
        super().__init__(message)
        self.path = path


class Choice(NamedTuple):
    """A candidate that was chosen, with what people are told of it."""

    candidate: Candidate
    score: float = 0
    reason: int | Reason = 0


class Strategy:
    """What all rungs have in common. Calls never overlap: no locks are needed."""

    view = "board"
    settings: dict[str, Any] = {}

    def configure(self, settings: dict[str, Any]) -> None:
        """Takes the admin's settings, which are there as `self.settings` afterwards too.

        SettingsError refuses them; those before stay in force. It is called
        before the first turn, and whenever settings change.
        """

    def close(self) -> None:
        """Lets go of what the strategy holds."""


class Score(Strategy):
    """The first rung: how good is this agent for this work?"""

    view = "candidates"

    def score(self, turn: Turn, item: Item, candidate: Candidate) -> float | tuple[float, int | Reason] | None:
        """Returns how good the pair is, higher is better; with a reason, if you like.

        None means that this agent is not to be offered this work. Of equals the
        host's order decides. The host does the rest: order of the work, rooms
        in the agents' capacity, who may be asked at all.
        """
        raise NotImplementedError

    def turn(self, turn: Turn, reply: Reply) -> None:
        for item in turn.items:
            found = []
            for candidate in item.candidates:
                got = self.score(turn, item, candidate)
                if got is not None:
                    score, reason = got if isinstance(got, tuple) else (got, 0)
                    found.append(Choice(candidate, score, reason))
            found.sort(key=lambda choice: -choice.score)
            propose(reply, item, found)


class Pick(Strategy):
    """The second rung: which of these agents for this work?"""

    view = "candidates"

    def pick(self, turn: Turn, item: Item, reply: Reply) -> Candidate | Choice | Sequence[Candidate | Choice] | None:
        """Returns whom to offer the work, or several, best first, or None to let it wait.

        The reply is there to note why work waits, or to ask for a turn later.
        """
        raise NotImplementedError

    def turn(self, turn: Turn, reply: Reply) -> None:
        for item in turn.items:
            got = self.pick(turn, item, reply)
            if got is None:
                continue
            if isinstance(got, (Candidate, Choice)):
                got = [got]
            propose(reply, item, [c if isinstance(c, Choice) else Choice(c) for c in got])


class Turns(Strategy):
    """The third rung: the whole board and its changes; see Board."""

    view = "board"

    def turn(self, turn: Turn, reply: Reply) -> None:
        """Takes one turn. NeedSnapshot asks for a snapshot; any other exception means broken."""
        raise NotImplementedError


def propose(reply: Reply, item: Item, choices: Sequence[Choice]) -> None:
    """Proposes the choices for an item, best first."""
    work, revision, add = item.row.ref, item.row.revision, reply.proposals.append
    for rank, (candidate, score, reason) in enumerate(choices[:RANKS]):
        code = reason if type(reason) is int else int(reason)
        add(Proposal(work, revision, candidate.ref, whole(score), code, rank))


@dataclass(frozen=True)
class Plugin:
    """A strategy's package: what it is, and how one is made."""

    name: str
    """The strategy's own name, such as "queue"."""
    version: str
    """The version of the package, by semver."""
    new: Callable[[], Strategy]
    """Makes one strategy; its class will do."""
    settings: dict[str, Any] | None = None
    """JSON Schema of the settings; None if there are none. The host checks them before the strategy sees them."""
    reasons: Sequence[Reason] = ()
    """The dictionary of the reasons in proposals and notes."""
    deterministic: bool = True
    """Whether the same turns always give the same replies. They do, unless you use a clock or other randomness."""
    candidates: int = 0
    """How many candidates an item comes with at most, 1 to 64; 0 means 16."""
    tables: Sequence[int] = ()
    """The tables wanted; empty means all."""

    def schema(self) -> str:
        """Returns the settings' schema as text, "" if there is none."""
        return "" if self.settings is None else json.dumps(self.settings, separators=(",", ":"))
