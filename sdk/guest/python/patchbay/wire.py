# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""The few protobuf messages of patchbay.strategy.v1, and how they are written.

They are described in strategy.proto. There are so few, and so flat, that they
are read and written by hand: a plugin needs no protobuf runtime.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Iterator

SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR = 1, 2, 3


class WireError(ValueError):
    """Says why bytes are no message."""


def varint(value: int) -> bytes:
    """Returns a number as protobuf writes it."""
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Reads a number; returns it and where the next byte stands."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise WireError("a number does not end")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & (1 << 64) - 1, at


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields the fields of a message: number and value."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, at = read_varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise WireError(f"wire type {kind}")
        if at + length > len(data):
            raise WireError("a field ends past the message")
        yield key >> 3, data[at : at + length]
        at += length


def bytes_field(number: int, value: bytes) -> bytes:
    """Returns a field of bytes."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def _of(number: int, kind: Any, **options: Any) -> Any:
    return field(metadata={"number": number, "kind": kind}, **options)


class Message:
    """A message that reads and writes itself by what its fields say."""

    def encode(self) -> bytes:
        """Returns the message as bytes. Fields at their default are left out."""
        out = []
        for f in fields(self):  # type: ignore[arg-type]
            number, kind, value = f.metadata["number"], f.metadata["kind"], getattr(self, f.name)
            if isinstance(value, list):
                if kind is int and value:
                    out.append(bytes_field(number, b"".join(map(varint, value))))
                elif kind is not int:
                    out += [bytes_field(number, v.encode()) for v in value]
            elif kind is int and value:
                out.append(varint(number << 3) + varint(int(value)))
            elif kind is not int and value:
                out.append(bytes_field(number, value.encode() if kind is str else value))
        return b"".join(out)

    @classmethod
    def decode(cls, data: bytes) -> Any:
        """Reads a message. Unknown fields are skipped."""
        out = cls()
        known = {f.metadata["number"]: f for f in fields(cls)}  # type: ignore[arg-type]
        for number, value in read_fields(data):
            if number in known:
                out._take(known[number], value)
        return out

    def _take(self, f: Any, value: int | bytes) -> None:
        kind, there = f.metadata["kind"], getattr(self, f.name)
        if isinstance(there, list):
            there += _elements(kind, value)
        elif (kind is int) != isinstance(value, int):
            raise WireError(f"field {f.name} has another wire type")
        else:
            setattr(self, f.name, value.decode() if kind is str else value)  # type: ignore[union-attr]


def _elements(kind: Any, value: int | bytes) -> list:
    if kind is not int:
        if isinstance(value, int):
            raise WireError("a message has another wire type")
        return [kind.decode(value)]
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = read_varint(value, at)
        found.append(number)
    return found


@dataclass
class Layout(Message):
    table: int = _of(1, int, default=0)
    version: int = _of(2, int, default=0)
    stride: int = _of(3, int, default=0)


@dataclass
class Reason(Message):
    code: int = _of(1, int, default=0)
    name: str = _of(2, str, default="")
    text: str = _of(3, str, default="")


@dataclass
class HandshakeRequest(Message):
    minor: int = _of(1, int, default=0)
    features: list[int] = _of(2, int, default_factory=list)
    layouts: list[Layout] = _of(3, Layout, default_factory=list)
    host_version: str = _of(4, str, default="")
    epoch: int = _of(5, int, default=0)
    max_reply_bytes: int = _of(6, int, default=0)
    turn_budget_us: int = _of(7, int, default=0)


@dataclass
class HandshakeResponse(Message):
    minor: int = _of(1, int, default=0)
    features: list[int] = _of(2, int, default_factory=list)
    layouts: list[Layout] = _of(3, Layout, default_factory=list)
    name: str = _of(4, str, default="")
    version: str = _of(5, str, default="")
    majors: list[int] = _of(6, int, default_factory=list)
    settings_schema: str = _of(7, str, default="")
    reasons: list[Reason] = _of(8, Reason, default_factory=list)
    deterministic: bool = _of(9, int, default=False)
    view: int = _of(10, int, default=0)
    candidates: int = _of(11, int, default=0)


@dataclass
class ConfigureRequest(Message):
    generation: int = _of(1, int, default=0)
    settings_json: bytes = _of(2, bytes, default=b"")


@dataclass
class Diagnostic(Message):
    severity: int = _of(1, int, default=0)
    path: str = _of(2, str, default="")
    message: str = _of(3, str, default="")


@dataclass
class ConfigureResponse(Message):
    generation: int = _of(1, int, default=0)
    diagnostics: list[Diagnostic] = _of(2, Diagnostic, default_factory=list)


@dataclass
class Carried(Message):
    """TurnsRequest and TurnsResponse: a frame."""

    frame: bytes = _of(1, bytes, default=b"")


@dataclass
class DrainRequest(Message):
    epoch: int = _of(1, int, default=0)
