# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""One strategy behind frames, whatever carries them."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback

from . import rows, wire
from .frame import FrameError, Kind, NeedSnapshot, OverBudget, Status, epoch_and_seq, write_status
from .plugin import Plugin, SettingsError
from .rows import LAYOUT
from .turn import Reply, Turn

MINOR = 0
MAJOR = 1
FEATURE_WAKE_AT, FEATURE_DIGEST, FEATURE_SNAPSHOT_PAGES, FEATURE_CANDIDATES = 1, 2, 3, 4
VIEWS = {"board": 1, "candidates": 2}


class Refusal(Exception):
    """A call that cannot be carried out, with the status of gRPC that says so."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        self.code = code


FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL = 9, 12, 13


def stride(table: int) -> int:
    """Returns the bytes per row of a table, as far as this package knows the row."""
    if table in (rows.Table.BYTES, rows.Table.IDS):
        return 1 if table == rows.Table.BYTES else 4
    return next(r.SIZE for r in vars(rows).values() if getattr(r, "TABLE", 0) == table)


class Instance:
    """One strategy, from its handshake to its drain. It may be used from several threads."""

    def __init__(self, plugin: Plugin):
        self.plugin = plugin
        self.strategy = plugin.new()
        self._lock = threading.Lock()
        self._ready = False
        self._epoch = 0

    def handshake(self, request: wire.HandshakeRequest) -> wire.HandshakeResponse:
        """Agrees on what both sides speak, and says what the strategy is."""
        plugin, view = self.plugin, self.strategy.view
        if view == "candidates" and FEATURE_CANDIDATES not in request.features:
            raise Refusal(FAILED_PRECONDITION, "the strategy wants candidates, which this host cannot send: it is too old")
        with self._lock:
            self._epoch = request.epoch
        known = (FEATURE_WAKE_AT, FEATURE_DIGEST, FEATURE_SNAPSHOT_PAGES, FEATURE_CANDIDATES)
        return wire.HandshakeResponse(
            minor=min(request.minor, MINOR),
            features=[f for f in known if f in request.features],
            layouts=[wire.Layout(int(t), LAYOUT, stride(t)) for t in plugin.tables],
            name=plugin.name,
            version=plugin.version,
            majors=[MAJOR],
            settings_schema=plugin.schema(),
            reasons=[wire.Reason(r.code, r.name, r.text) for r in plugin.reasons],
            deterministic=plugin.deterministic,
            view=VIEWS[view],
            candidates=plugin.candidates,
        )

    def configure(self, request: wire.ConfigureRequest) -> wire.ConfigureResponse:
        """Puts settings in force, as a whole or not at all."""
        out = wire.ConfigureResponse(generation=request.generation)
        with self._lock:
            before = self.strategy.settings
            try:
                settings = json.loads(request.settings_json or b"{}")
                if not isinstance(settings, dict):
                    raise SettingsError("", "settings are one JSON object")
                self.strategy.settings = settings
                self.strategy.configure(settings)
                self._ready = True
            except Exception as error:
                self.strategy.settings = before
                if not isinstance(error, ValueError):
                    traceback.print_exc(file=sys.stderr)
                path = error.path if isinstance(error, SettingsError) else ""
                out.diagnostics = [wire.Diagnostic(wire.SEVERITY_ERROR, path, str(error) or repr(error))]
        return out

    def turn(self, data: bytes) -> bytes:
        """Answers one frame by another. It never raises; out of memory, it ends the process."""
        with self._lock:
            epoch, seq = epoch_and_seq(data)
            try:
                return self._answer(data)
            except FrameError as error:
                return write_status(epoch, seq, Status.BAD_FRAME, f"patchbay: frame: {error}")
            except NeedSnapshot:
                return write_status(epoch, seq, Status.NEED_SNAPSHOT)
            except OverBudget:
                return write_status(epoch, seq, Status.OVER_BUDGET)
            except MemoryError:
                traceback.print_exc(file=sys.stderr)
                os._exit(1)  # as the host has it: what is out of memory is started anew
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                return write_status(epoch, seq, Status.INTERNAL, f"{type(error).__name__}: {error}")

    def _answer(self, data: bytes) -> bytes:
        turn, reply = Turn(data), Reply()
        if not self._ready:
            return write_status(turn.epoch, turn.seq, Status.NOT_READY)
        if (turn.kind == Kind.CANDIDATES) != (self.strategy.view == "candidates"):
            raise TypeError(f"a turn of kind {turn.kind.name.lower()} came, but the strategy's view is {self.strategy.view}")
        self.strategy.turn(turn, reply)
        return reply.write(turn.epoch, turn.seq)

    def drain(self, epoch: int) -> None:
        """Lets go of what the strategy holds; no turn comes after."""
        with self._lock:
            if epoch != self._epoch:
                raise Refusal(FAILED_PRECONDITION, f"drain of epoch {epoch}, but this is epoch {self._epoch}")
            self._ready = False
            self.strategy.close()
