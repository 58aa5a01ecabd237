# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""A certificate for one start of a plugin.

Host and plugin give each other a certificate at each start, and trust nobody
else. The key lives as long as the process and never leaves it, so plain integer
arithmetic does: the standard library makes no certificates.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time

# The curve P-256 (FIPS 186-4, D.1.2.3).
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None


def _add(a: _Point, b: _Point) -> _Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % _P == 0:
            return None
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, _P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(k: int) -> tuple[int, int]:
    """Returns the k-fold of the base point; k is 1 to _N - 1."""
    out: _Point = None
    step: _Point = _G
    while k:
        if k & 1:
            out = _add(out, step)
        step, k = _add(step, step), k >> 1
    assert out is not None
    return out


def _sign(key: int, message: bytes) -> tuple[int, int]:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        k = secrets.randbelow(_N - 1) + 1
        r = _times(k)[0] % _N
        s = pow(k, -1, _N) * (digest + r * key) % _N
        if r and s:
            return r, s


# What follows writes DER (X.690) and X.509 (RFC 5280).


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    n = len(body)
    length = bytes((n,)) if n < 128 else (lambda b: bytes((0x80 | len(b),)) + b)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes((tag,)) + length + body


def _integer(n: int) -> bytes:
    return _der(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


_SEQUENCE, _SET, _OID, _OCTETS, _BITS, _TRUE = 0x30, 0x31, 0x06, 0x04, 0x03, b"\x01\x01\xff"
_EC_KEY = bytes.fromhex("2a8648ce3d0201")  # id-ecPublicKey
_CURVE = bytes.fromhex("2a8648ce3d030107")  # prime256v1
_ECDSA_SHA256 = bytes.fromhex("2a8648ce3d040302")


def _extension(oid: str, value: bytes, critical: bool = False) -> bytes:
    return _der(_SEQUENCE, _der(_OID, bytes.fromhex(oid)), _TRUE if critical else b"", _der(_OCTETS, value))


def _pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


class Certificate:
    """A new key with its certificate, which the key itself has signed, for localhost."""

    def __init__(self) -> None:
        key = secrets.randbelow(_N - 1) + 1
        x, y = _times(key)
        public = b"\x00\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        algorithm = _der(_SEQUENCE, _der(_OID, _ECDSA_SHA256))
        name = _der(_SEQUENCE, _der(_SET, _der(_SEQUENCE, _der(_OID, bytes.fromhex("550403")), _der(0x0C, b"localhost"))))
        since = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() - 60)).encode()
        usages = [bytes.fromhex("2b06010505070301"), bytes.fromhex("2b06010505070302")]  # server, client
        extensions = [
            _extension("551d0f", b"\x03\x02\x02\x8c", critical=True),  # signature, key agreement, certificates
            _extension("551d25", _der(_SEQUENCE, *(_der(_OID, u) for u in usages))),
            _extension("551d13", _der(_SEQUENCE, _TRUE), critical=True),  # an authority, for itself
            _extension("551d11", _der(_SEQUENCE, _der(0x82, b"localhost"))),
        ]
        body = _der(
            _SEQUENCE,
            _der(0xA0, _integer(2)),
            _integer(secrets.randbits(126) + 1),
            algorithm,
            name,
            _der(_SEQUENCE, _der(0x17, since), _der(0x17, b"491231235959Z")),
            name,
            _der(_SEQUENCE, _der(_SEQUENCE, _der(_OID, _EC_KEY), _der(_OID, _CURVE)), _der(_BITS, public)),
            _der(0xA3, _der(_SEQUENCE, *extensions)),
        )
        signature = _der(_SEQUENCE, *map(_integer, _sign(key, body)))
        self.der = _der(_SEQUENCE, body, algorithm, _der(_BITS, b"\x00", signature))
        """The certificate."""
        self.pem = _pem("CERTIFICATE", self.der) + _pem(
            "EC PRIVATE KEY",
            _der(
                _SEQUENCE,
                _integer(1),
                _der(_OCTETS, key.to_bytes(32, "big")),
                _der(0xA0, _der(_OID, _CURVE)),
                _der(0xA1, _der(_BITS, public)),
            ),
        )
        """The certificate and its key, as TLS libraries take them."""

    def line(self) -> str:
        """Returns the certificate as the handshake line has it: base64 without padding."""
        return base64.b64encode(self.der).decode().rstrip("=")
