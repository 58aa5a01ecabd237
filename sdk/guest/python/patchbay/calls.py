# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""The calls a host makes to a plugin, as gRPC names them."""

from __future__ import annotations

from typing import Callable

from . import wire
from .instance import INTERNAL, UNIMPLEMENTED, Instance, Refusal

SERVICE = "/patchbay.strategy.v1.StrategyService/"
_HEALTHY = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse: serving


class Calls:
    """Opens a call by its path. It holds one instance, which all calls are about."""

    def __init__(self, instance: Instance, shutdown: Callable[[], None]):
        self._instance = instance
        self._shutdown = shutdown

    def open(self, path: str) -> Once | Turns | Unknown:
        """Returns what answers a call."""
        one = {
            SERVICE + "Handshake": self._handshake,
            SERVICE + "Configure": self._configure,
            SERVICE + "Drain": self._drain,
            "/grpc.health.v1.Health/Check": lambda data: _HEALTHY,
            "/plugin.GRPCController/Shutdown": self._stop,
        }.get(path)
        if one is not None:
            return Once(one)
        return Turns(self._instance) if path == SERVICE + "Turns" else Unknown(path)

    def _handshake(self, data: bytes) -> bytes:
        return self._instance.handshake(wire.HandshakeRequest.decode(data)).encode()

    def _configure(self, data: bytes) -> bytes:
        return self._instance.configure(wire.ConfigureRequest.decode(data)).encode()

    def _drain(self, data: bytes) -> bytes:
        self._instance.drain(wire.DrainRequest.decode(data).epoch)
        return b""

    def _stop(self, data: bytes) -> bytes:
        self._shutdown()
        return b""


class Once:
    """A call of one message and one answer."""

    def __init__(self, answer: Callable[[bytes], bytes]):
        self._answer = answer
        self._status = (INTERNAL, "no message came")

    def message(self, data: bytes) -> list[bytes]:
        try:
            answer = self._answer(data)
        except Refusal as refusal:
            self._status = (refusal.code, str(refusal))
            return []
        except Exception as error:
            self._status = (INTERNAL, f"{type(error).__name__}: {error}")
            return []
        self._status = (0, "")
        return [answer]

    def end(self) -> tuple[int, str]:
        return self._status


class Turns:
    """The stream of turns: a frame for a frame."""

    def __init__(self, instance: Instance):
        self._instance = instance

    def message(self, data: bytes) -> list[bytes]:
        return [wire.bytes_field(1, self._instance.turn(_frame(data)))]

    def end(self) -> tuple[int, str]:
        return 0, ""


def _frame(data: bytes) -> bytes:
    try:
        return wire.Carried.decode(data).frame
    except wire.WireError:
        return b""  # which is no frame, and is answered so


class Unknown:
    """A call that is not known here."""

    def __init__(self, path: str):
        self._path = path

    def message(self, data: bytes) -> list[bytes]:
        return []

    def end(self) -> tuple[int, str]:
        return UNIMPLEMENTED, f"there is no {self._path}"
