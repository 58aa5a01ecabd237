# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""A WebSocket client (RFC 6455) as small as a router needs it: text messages,
nothing negotiated. It needs no packages, and knows nothing of Patchbay."""

import base64
import hashlib
import os
import socket
import ssl
import struct
from urllib.parse import urlsplit

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class WebSocket:
    """One connection. Whatever goes wrong with it is an OSError."""

    def __init__(self, url, timeout=10.0):
        place = urlsplit(url)
        secure = place.scheme == "wss"
        port = place.port or (443 if secure else 80)
        self._socket = socket.create_connection((place.hostname, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if secure:
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=place.hostname)
            self._reader = self._socket.makefile("rb")
            self._open(place)
        except BaseException:
            self.close()
            raise

    def _open(self, place):
        key = base64.b64encode(os.urandom(16))
        self._socket.sendall(
            f"GET {place.path or '/'} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = self._reader.readline(4096)
        headers = {}
        while (line := self._reader.readline(4096).strip()):
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        if b" 101 " not in status or headers.get(b"sec-websocket-accept") != accept:
            raise OSError(f"the host does not open a WebSocket: {status.decode(errors='replace').strip()}")

    def send(self, text):
        """Sends a text message."""
        self._send(_TEXT, text.encode())

    def _send(self, kind, payload):
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
        mask = os.urandom(4)
        spread = (mask * (size // 4 + 1))[:size]
        masked = int.from_bytes(payload, "big") ^ int.from_bytes(spread, "big")
        self._socket.sendall(head + mask + masked.to_bytes(size, "big"))

    def receive(self, timeout):
        """Returns the next text message; a timeout, in seconds, is an OSError."""
        self._socket.settimeout(timeout)
        parts = []
        while True:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
            payload = self._exactly(size)
            kind = first & 0x0F
            if kind == _PING:
                self._send(_PONG, payload)
            elif kind == _CLOSE:
                raise OSError("the host has closed the connection")
            elif kind != _PONG:
                parts.append(payload)
                if first & 0x80:
                    return b"".join(parts).decode()

    def _exactly(self, size):
        data = self._reader.read(size)
        if len(data) < size:
            raise OSError("the connection has ended")
        return data

    def close(self):
        """Ends the connection."""
        self._socket.close()
