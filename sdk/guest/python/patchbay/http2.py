# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""One connection of HTTP/2 (RFC 9113) that carries gRPC, on the server's side.

It is what a plugin needs and no more: calls are answered one after the other,
on the thread that reads, and a message is answered before the next is read.
Nothing is known here of what the messages mean.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import Callable, Protocol

from . import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
MAX_WINDOW = 2**31 - 1
_FRAME = Struct(">HBBBI")
_MESSAGE = Struct(">BI")


class Lost(ConnectionError):
    """The connection cannot go on, and why."""


class Call(Protocol):
    """Answers the messages of one call."""

    def message(self, data: bytes) -> list[bytes]:
        """Returns the answers to one message."""

    def end(self) -> tuple[int, str]:
        """Returns the status of gRPC with which the call ends, and a text."""


class Stream:
    """One call under way."""

    def __init__(self, call: Call, window: int):
        self.call = call
        self.window = window  # bytes that may still be sent
        self.inbox = bytearray()
        self.taken = 0  # bytes of data since the last update of the peer's window
        self.begun = False  # headers were sent
        self.busy = False  # a message is being answered
        self.ended = False  # the peer has said all


class Connection:
    """One connection. `run` serves it until the peer goes."""

    def __init__(self, sock: socket.socket, open_call: Callable[[str], Call], max_message: int):
        self._sock = sock
        self._open = open_call
        self._max_message = max_message
        self._in = bytearray()
        self._at = 0  # where in _in the next frame begins
        self._streams: dict[int, Stream] = {}
        self._headers = hpack.Decoder()
        self._block = bytearray()
        self._block_of = 0  # the stream whose headers are not complete
        self._block_ends = False
        self._window = 65535
        self._peer_window = 65535
        self._peer_frame = 16384
        self._taken = 0  # bytes of data since the last update of the window
        self._last = 0

    def run(self) -> None:
        """Serves calls until the peer closes. Raises Lost if it breaks the protocol."""
        self._fill(len(PREFACE))
        if self._in[: len(PREFACE)] != PREFACE:
            raise Lost("http2: the peer does not speak it")
        self._at = len(PREFACE)
        # As large a window per stream and for the connection as there may be.
        self._send(SETTINGS, 0, 0, b"\x00\x04" + MAX_WINDOW.to_bytes(4, "big"))
        self._send(WINDOW_UPDATE, 0, 0, (MAX_WINDOW - 65535).to_bytes(4, "big"))
        while self._next():
            pass

    def _fill(self, n: int) -> bool:
        """Reads until n bytes are there, from _at on. False if the peer has closed."""
        if len(self._in) - self._at < n and self._at:
            del self._in[: self._at]
            self._at = 0
        while len(self._in) < self._at + n:
            chunk = self._sock.recv(1 << 18)
            if not chunk:
                return False
            self._in += chunk
        return True

    def _next(self) -> bool:
        """Reads one frame and does what it says. False if the peer has closed."""
        if not self._fill(9):
            return False
        high, low, kind, flags, stream = _FRAME.unpack_from(self._in, self._at)
        length = high << 8 | low
        if length > 16384:
            raise Lost(f"http2: a frame of {length} bytes")
        if not self._fill(9 + length):
            return False
        payload = bytes(self._in[self._at + 9 : self._at + 9 + length])
        self._at += 9 + length
        stream &= MAX_WINDOW
        if self._block_of and (kind != CONTINUATION or stream != self._block_of):
            raise Lost("http2: headers that do not end")
        if kind == DATA:
            self._credit(stream, length)
            self._data(stream, flags, _unpadded(payload, flags))
        elif kind == HEADERS:
            payload = _unpadded(payload, flags)
            self._begin(stream, flags, payload[5:] if flags & PRIORITY else payload)
        elif kind == CONTINUATION:
            self._more(flags, payload)
        elif kind == RST_STREAM:
            self._streams.pop(stream, None)
        elif kind == SETTINGS and not flags & ACK:
            self._settings(payload)
        elif kind == PING and not flags & ACK:
            self._send(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            self._widen(stream, payload)
        return True

    def _credit(self, number: int, length: int) -> None:
        """Gives back what was taken of the peer's windows, now and then."""
        self._taken += length
        if self._taken > MAX_WINDOW // 4:
            self._send(WINDOW_UPDATE, 0, 0, self._taken.to_bytes(4, "big"))
            self._taken = 0
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.taken += length
        if stream.taken > MAX_WINDOW // 4:
            self._send(WINDOW_UPDATE, 0, number, stream.taken.to_bytes(4, "big"))
            stream.taken = 0

    def _settings(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            key, value = int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big")
            if key == 4:
                for stream in self._streams.values():
                    stream.window += value - self._peer_window
                self._peer_window = value
            elif key == 5:
                self._peer_frame = value
        self._send(SETTINGS, ACK, 0, b"")

    def _widen(self, number: int, payload: bytes) -> None:
        more = int.from_bytes(payload, "big") & MAX_WINDOW
        if number == 0:
            self._window += more
        elif number in self._streams:
            self._streams[number].window += more

    def _begin(self, number: int, flags: int, block: bytes) -> None:
        if not number & 1:
            raise Lost(f"http2: stream {number} is not the peer's to open")
        self._block_of, self._block_ends = number, bool(flags & END_STREAM)
        self._more(flags, block)

    def _more(self, flags: int, block: bytes) -> None:
        self._block += block
        if len(self._block) > hpack.MAX_HEADERS:
            raise Lost("http2: headers that are too long")
        if not flags & END_HEADERS:
            return
        headers = dict(self._headers.decode(bytes(self._block)))
        number, self._block_of = self._block_of, 0
        self._block.clear()
        if number > self._last:
            self._last = number
            self._streams[number] = Stream(self._open(headers.get(":path", "")), self._peer_window)
        if self._block_ends and number in self._streams:
            self._streams[number].ended = True
            if not self._streams[number].busy:
                self._end(number)

    def _data(self, number: int, flags: int, data: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return  # of a call that has ended
        stream.inbox += data
        stream.ended = bool(flags & END_STREAM)
        if not stream.busy:  # else the answer that waits for room goes first
            stream.busy = True
            self._answer_all(number, stream)
            stream.busy = False

    def _answer_all(self, number: int, stream: Stream) -> None:
        inbox = stream.inbox
        while len(inbox) >= _MESSAGE.size:
            packed, length = _MESSAGE.unpack_from(inbox)
            if packed:
                return self._finish(number, 12, "messages are not to be compressed")
            if length > self._max_message:
                return self._finish(number, 8, f"a message of {length} bytes")
            end = _MESSAGE.size + length
            if len(inbox) < end:
                break
            message = bytes(inbox[_MESSAGE.size : end])
            del inbox[:end]
            for answer in stream.call.message(message):
                self._answer(number, stream, answer)
        if stream.ended:
            self._end(number)

    def _end(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            code, text = stream.call.end()
            self._finish(number, code, text)

    def _finish(self, number: int, code: int, text: str) -> None:
        stream = self._streams.pop(number, None)
        if stream is None:
            return  # the peer has given the call up
        trailers = [("grpc-status", str(code))]
        if text:
            trailers.append(("grpc-message", _percent(text)))
        if not stream.begun:
            trailers = _RESPONSE + trailers
        self._send(HEADERS, END_HEADERS | END_STREAM, number, hpack.encode(trailers))

    def _answer(self, number: int, stream: Stream, message: bytes) -> None:
        out = bytearray()
        if not stream.begun:
            stream.begun = True
            block = hpack.encode(_RESPONSE)
            out += _frame(HEADERS, END_HEADERS, number, len(block)) + block
        data = _MESSAGE.pack(0, len(message)) + message
        at = 0
        while at < len(data):
            n = min(len(data) - at, self._peer_frame, stream.window, self._window)
            if n <= 0:
                self._sock.sendall(out)
                out.clear()
                if not self._next():
                    raise Lost("http2: the peer has gone")
                if number not in self._streams:
                    return
                continue
            out += _frame(DATA, 0, number, n) + data[at : at + n]
            at += n
            stream.window -= n
            self._window -= n
        self._sock.sendall(out)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._sock.sendall(_frame(kind, flags, stream, len(payload)) + payload)


_RESPONSE = [(":status", "200"), ("content-type", "application/grpc")]


def _frame(kind: int, flags: int, stream: int, length: int) -> bytes:
    return _FRAME.pack(length >> 8, length & 0xFF, kind, flags, stream)


def _unpadded(payload: bytes, flags: int) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Lost("http2: padding that is longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def _percent(text: str) -> str:
    """Returns a text as gRPC wants it in a header."""
    return "".join(chr(b) if 32 <= b < 127 and b != 37 else f"%{b:02X}" for b in text.encode())
