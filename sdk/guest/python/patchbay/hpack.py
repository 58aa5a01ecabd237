# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Header compression of HTTP/2 (RFC 7541), as far as a peer needs it.

Headers are read in full. They are written without an index of their own, which
is allowed and costs a few bytes per call: streams of turns write them once.
"""

from __future__ import annotations

from functools import lru_cache

# The static table of RFC 7541, appendix A.
_STATIC = [
    tuple(line.split("|"))
    for line in """:authority|
:method|GET
:method|POST
:path|/
:path|/index.html
:scheme|http
:scheme|https
:status|200
:status|204
:status|206
:status|304
:status|400
:status|404
:status|500
accept-charset|
accept-encoding|gzip, deflate
accept-language|
accept-ranges|
accept|
access-control-allow-origin|
age|
allow|
authorization|
cache-control|
content-disposition|
content-encoding|
content-language|
content-length|
content-location|
content-range|
content-type|
cookie|
date|
etag|
expect|
expires|
from|
host|
if-match|
if-modified-since|
if-none-match|
if-range|
if-unmodified-since|
last-modified|
link|
location|
max-forwards|
proxy-authenticate|
proxy-authorization|
range|
referer|
refresh|
retry-after|
server|
set-cookie|
strict-transport-security|
transfer-encoding|
user-agent|
vary|
via|
www-authenticate|""".split("\n")
]

# The lengths of the Huffman codes of RFC 7541, appendix B, for 0 to 255. The
# code is canonical, so the lengths say all.
_LENGTHS = [
    int(n)
    for n in """
13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28
28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6
5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7
7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5
6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23
24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23
21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25
19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23
26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
""".split()
]

MAX_HEADERS = 1 << 16


class HeaderError(ValueError):
    """Says why bytes are no headers. The connection cannot go on."""


@lru_cache(maxsize=None)
def _codes() -> dict[tuple[int, int], int]:
    """Returns the symbols by length and code."""
    table, code, length = {}, 0, 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(_LENGTHS)):
        code <<= bits - length
        length = bits
        table[bits, code] = symbol
        code += 1
    return table


def huffman(data: bytes) -> bytes:
    """Returns the text of a Huffman code."""
    codes, out = _codes(), bytearray()
    code = bits = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code, bits = code << 1 | byte >> shift & 1, bits + 1
            symbol = codes.get((bits, code))
            if symbol is not None:
                out.append(symbol)
                code = bits = 0
            elif bits > 30:
                raise HeaderError("hpack: a Huffman code that there is not")
    if bits > 7 or code != (1 << bits) - 1:
        raise HeaderError("hpack: a Huffman code that does not end")
    return bytes(out)


class Decoder:
    """Reads the headers of one direction of a connection."""

    LIMIT = 4096

    def __init__(self) -> None:
        self._dynamic: list[tuple[str, str]] = []  # the latest first
        self._size = 0
        self._limit = self.LIMIT

    def decode(self, data: bytes) -> list[tuple[str, str]]:
        """Returns the headers of one block, in their order."""
        at, out = 0, []
        while at < len(data):
            byte = data[at]
            if byte & 0x80:
                index, at = self._number(data, at, 7)
                out.append(self._entry(index))
            elif byte & 0xE0 == 0x20:
                limit, at = self._number(data, at, 5)
                if limit > self.LIMIT:
                    raise HeaderError(f"hpack: a table of {limit} bytes")
                self._limit = limit
                self._evict()
            else:
                indexed = byte & 0xC0 == 0x40
                index, at = self._number(data, at, 6 if indexed else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = self._text(data, at)
                value, at = self._text(data, at)
                out.append((name, value))
                if indexed:
                    self._add(name, value)
        return out

    def _add(self, name: str, value: str) -> None:
        self._dynamic.insert(0, (name, value))
        self._size += len(name) + len(value) + 32
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            name, value = self._dynamic.pop()
            self._size -= len(name) + len(value) + 32

    def _entry(self, index: int) -> tuple[str, str]:
        if 1 <= index <= len(_STATIC):
            return _STATIC[index - 1]  # type: ignore[return-value]
        index -= len(_STATIC) + 1
        if not 0 <= index < len(self._dynamic):
            raise HeaderError("hpack: an entry that there is not")
        return self._dynamic[index]

    @staticmethod
    def _number(data: bytes, at: int, prefix: int) -> tuple[int, int]:
        most = (1 << prefix) - 1
        value, at = data[at] & most, at + 1
        if value < most:
            return value, at
        shift = 0
        while True:
            if at >= len(data) or shift > 28:
                raise HeaderError("hpack: a number that does not end")
            value += (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 0x80:
                return value, at

    def _text(self, data: bytes, at: int) -> tuple[str, int]:
        if at >= len(data):
            raise HeaderError("hpack: headers that do not end")
        packed = data[at] & 0x80
        length, at = self._number(data, at, 7)
        if length > MAX_HEADERS or at + length > len(data):
            raise HeaderError("hpack: a text that does not end")
        raw = data[at : at + length]
        return (huffman(raw) if packed else raw).decode("latin-1"), at + length


def encode(headers: list[tuple[str, str]]) -> bytes:
    """Returns a block of headers."""
    out = bytearray()
    for name, value in headers:
        out.append(0)
        for text in (name, value):
            raw = text.encode("latin-1")
            out += _length(len(raw)) + raw
    return bytes(out)


def _length(n: int) -> bytes:
    if n < 127:
        return bytes((n,))
    out, n = bytearray((127,)), n - 127
    while n > 127:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)
