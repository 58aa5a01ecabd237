# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""A turn as a strategy sees it, and the reply it gives."""

from __future__ import annotations

from functools import cached_property
from typing import Iterable, Sequence

from . import frame, rows
from .dice import Dice
from .frame import FrameError, Kind


class Turn:
    """One question of the host: what there is to decide, and when.

    Its lists hold rows as they came. Names in rows are dictionary ids, which
    `text` follows; in a candidates turn they hold for this turn only, in turns
    of the board until the word comes again. Times are Unix milliseconds,
    capacity and sizes are thousandths.
    """

    def __init__(self, data: bytes):
        f = frame.Frame(data)
        header = f.header
        if not Kind.DELTA <= header.kind <= Kind.CANDIDATES:
            raise FrameError(f"kind {header.kind} is not that of a turn")
        self.kind = Kind(header.kind)
        """What this turn holds."""
        self.epoch, self.seq, self.base_seq = header.epoch, header.seq, header.base_seq
        self.now = header.now
        """The host's time. A strategy uses no other clock."""
        self.seed = header.seed
        """The randomness of this turn; see `dice`."""
        self.budget = header.budget
        """Microseconds that the turn may take; 0 means no limit."""
        self.digest = header.digest
        self.work_gone = f.rows(rows.Gone, rows.Table.WORK, frame.GONE)
        self.agents_gone = f.rows(rows.Gone, rows.Table.AGENT, frame.GONE)
        self.queues_gone = f.rows(rows.Gone, rows.Table.QUEUE, frame.GONE)
        self.words: list[rows.Word] = f.rows(rows.Word)
        self.channels: list[rows.Channel] = f.rows(rows.Channel)
        self.queues: list[rows.Queue] = f.rows(rows.Queue)
        self.agents: list[rows.Agent] = f.rows(rows.Agent)
        self.work: list[rows.Work] = f.rows(rows.Work)
        self.settled: list[rows.Settled] = f.rows(rows.Settled)
        """What became of earlier proposals."""
        self.members: list[rows.Member] = f.rows(rows.Member)
        self.skills: list[rows.Skill] = f.rows(rows.Skill)
        self.needs: list[rows.Need] = f.rows(rows.Need)
        self.attributes: list[rows.Attribute] = f.rows(rows.Attribute)
        self.item_rows: list[rows.Item] = f.rows(rows.Item)
        self.candidate_rows: list[rows.Candidate] = f.rows(rows.Candidate)
        self.ids = f.ids()
        self.bytes = f.bytes()
        self._check()

    def _check(self) -> None:
        """Checks that every span and index lies within its list."""

        def fits(what: str, ends: Iterable[int], items: Sequence) -> None:
            if max(ends, default=0) > len(items):
                raise FrameError(f"{what} row: a span reaches past its list")

        fits("word", (r.text_at + r.text_n for r in self.words), self.bytes)
        fits("attribute", (r.value_at + r.value_n for r in self.attributes), self.bytes)
        fits("agent", (r.members_at + r.members_n for r in self.agents), self.members)
        fits("agent", (r.skills_at + r.skills_n for r in self.agents), self.skills)
        fits("work", (r.needs_at + r.needs_n for r in self.work), self.needs)
        fits("work", (r.declined_at + r.declined_n for r in self.work), self.ids)
        fits("work", (r.attributes_at + r.attributes_n for r in self.work), self.attributes)
        fits("item", (r.candidates_at + r.candidates_n for r in self.item_rows), self.candidate_rows)
        fits("item", (r.work + 1 for r in self.item_rows), self.work)
        fits("candidate", (r.agent + 1 for r in self.candidate_rows), self.agents)

    @property
    def asks(self) -> bool:
        """Whether proposals are wanted."""
        return self.kind not in (Kind.SNAPSHOT_FIRST, Kind.SNAPSHOT_MORE)

    @cached_property
    def dice(self) -> Dice:
        """Random numbers that are the same whenever this turn is played again."""
        return Dice(self.seed)

    @cached_property
    def names(self) -> dict[int, str]:
        """The words that came with this turn, by id."""
        return {w.id: self.bytes[w.text_at : w.text_at + w.text_n].decode(errors="replace") for w in self.words}

    def text(self, word: int) -> str:
        """Returns the word of an id that came with this turn; "" if none did."""
        return self.names.get(word, "")

    @cached_property
    def items(self) -> list[Item]:
        """The work to decide on, what is first to be decided first; candidates turns only."""
        people = [Person(self, agent) for agent in self.agents]
        return [Item(self, row, people) for row in self.item_rows]

    @cached_property
    def queue_by_ref(self) -> dict[int, rows.Queue]:
        """The queues that came with this turn."""
        return {q.ref: q for q in self.queues}

    @cached_property
    def channel_names(self) -> dict[int, str]:
        """The names of the channels that came with this turn, by ordinal."""
        return {c.ordinal: self.text(c.name) for c in self.channels}


class Item:
    """Work that is to be decided on, with those who may be offered it."""

    def __init__(self, turn: Turn, row: rows.Item, people: list[Person]):
        self._turn = turn
        self.row = turn.work[row.work]
        """The work as the frame has it."""
        found = turn.candidate_rows[row.candidates_at : row.candidates_at + row.candidates_n]
        self.candidates = [Candidate(people[c.agent], c.takes) for c in found]
        """Who may be offered it now, best first by the model of the queue; at least one."""

    @property
    def ref(self) -> int:
        """What a proposal calls the work."""
        return self.row.ref

    @property
    def id(self) -> str:
        """The work's id, such as "w42"."""
        return f"w{self.row.sequence}"

    @property
    def age(self) -> int:
        """For how many milliseconds the customer has waited."""
        return self._turn.now - self.row.requested_at

    @property
    def priority(self) -> int:
        """0 is the highest."""
        return self.row.priority

    @cached_property
    def queue(self) -> str:
        """The name of its queue."""
        queue = self._turn.queue_by_ref.get(self.row.queue)
        return self._turn.text(queue.name) if queue else ""

    @cached_property
    def channel(self) -> str:
        """The name of its channel."""
        return self._turn.channel_names.get(self.row.channel, "")

    @cached_property
    def attributes(self) -> dict[str, str]:
        """Its attributes, those that the admin lets through."""
        turn, row = self._turn, self.row
        return {
            turn.text(a.name): turn.bytes[a.value_at : a.value_at + a.value_n].decode(errors="replace")
            for a in turn.attributes[row.attributes_at : row.attributes_at + row.attributes_n]
        }

    @cached_property
    def needs(self) -> dict[str, rows.Need]:
        """The skills it requires, by name, dropped ones among them."""
        turn, row = self._turn, self.row
        return {turn.text(n.name): n for n in turn.needs[row.needs_at : row.needs_at + row.needs_n]}

    @cached_property
    def declined(self) -> list[str]:
        """The agents whom it may not be offered to now."""
        row = self.row
        return [self._turn.text(word) for word in self._turn.ids[row.declined_at : row.declined_at + row.declined_n]]

    @property
    def preferred(self) -> str:
        """The agent who is preferred or required; "" if none is."""
        return self._turn.text(self.row.agent)

    @property
    def external(self) -> str:
        """The outside reference; "" unless the admin lets it through."""
        return self._turn.text(self.row.external)


class Person:
    """An agent of a candidates turn."""

    def __init__(self, turn: Turn, row: rows.Agent):
        self._turn = turn
        self.row = row

    @cached_property
    def name(self) -> str:
        return self._turn.text(self.row.name)

    @cached_property
    def status(self) -> str:
        return self._turn.text(self.row.status)

    @cached_property
    def skills(self) -> dict[str, int]:
        turn, row = self._turn, self.row
        return {turn.text(s.name): s.level for s in turn.skills[row.skills_at : row.skills_at + row.skills_n]}

    @cached_property
    def tiers(self) -> dict[str, int]:
        turn, row = self._turn, self.row
        found = turn.members[row.members_at : row.members_at + row.members_n]
        queues = turn.queue_by_ref
        return {turn.text(queues[m.queue].name): m.tier for m in found if m.queue in queues}


class Candidate:
    """An agent who may be offered an item now."""

    __slots__ = ("_person", "ref", "row", "takes")

    def __init__(self, person: Person, takes: int):
        self._person = person
        self.row = person.row
        """The agent as the frame has it."""
        self.ref = person.row.ref
        """What a proposal calls the agent."""
        self.takes = takes
        """Thousandths that the work would take of the agent's capacity."""

    @property
    def name(self) -> str:
        """The agent's id."""
        return self._person.name

    @property
    def status(self) -> str:
        """The name of the agent's presence status."""
        return self._person.status

    @property
    def skills(self) -> dict[str, int]:
        """The skills the agent holds: name to thousandths of a level."""
        return self._person.skills

    @property
    def tiers(self) -> dict[str, int]:
        """The queues of this turn that the agent belongs to: name to tier."""
        return self._person.tiers

    @property
    def free(self) -> int:
        """Thousandths of primary capacity that the agent has free."""
        return self.row.capacity - self.row.used

    def idle(self, now: int) -> int:
        """For how many milliseconds the agent has held nothing; 0 while it holds something."""
        since = self.row.idle_since
        return now - since if since else 0


class Reply:
    """One answer: what the strategy wishes."""

    def __init__(self) -> None:
        self.proposals: list[rows.Proposal] = []
        self.notes: list[rows.Note] = []
        self.wake_at = 0
        self.digest = 0

    def propose(self, work, agent, score: float = 0, reason: int = 0, rank: int = 0) -> None:
        """Adds a proposal: offer this work to this agent.

        work is an Item or a work row, agent a Candidate or an agent row.
        Several for one work, ranked 0, 1, 2 and so on, are tried until one
        holds. The score is for people, and rounded.
        """
        revision = work.row.revision if isinstance(work, Item) else work.revision
        self.proposals.append(rows.Proposal(work.ref, revision, agent.ref, whole(score), int(reason), rank))

    def note(self, work, reason: int) -> None:
        """Says why work waits, by a code of the plugin's reasons."""
        self.notes.append(rows.Note(work.ref, int(reason)))

    def wake(self, at: int) -> None:
        """Asks for a turn at that time though nothing changes. The earliest of several holds."""
        self.wake_at = min(self.wake_at or at, at)

    def write(self, epoch: int, seq: int) -> bytes:
        """Returns the frame that answers a turn."""
        header = rows.Header(kind=frame.RESULT, epoch=epoch, seq=seq, seed=max(0, self.wake_at), digest=self.digest)
        return frame.write(header, [frame.part(rows.Proposal, self.proposals), frame.part(rows.Note, self.notes)])


def whole(score: float) -> int:
    """Returns a score as a proposal carries it: 32 bits with a sign."""
    return max(-(2**31), min(2**31 - 1, round(score)))
