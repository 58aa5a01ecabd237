# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Strategies for Patchbay in Python.

A strategy decides which agent is offered which work. The least is a class with
one method and a line that serves it:

    import patchbay

    class Newest(patchbay.Score):
        def score(self, turn, item, candidate):
            return -item.age

    if __name__ == "__main__":
        patchbay.serve(patchbay.Plugin("newest", "0.1.0", Newest))

There are three rungs: Score rates a pair, Pick chooses among an item's
candidates, Turns gets the whole board and its changes. The host keeps the
board, knows who may be asked, and checks every proposal; what a strategy gets
wrong is refused and does no harm.

The package needs the standard library of Python 3.10 or later, and nothing
else.
"""

from .board import Board, BoardAgent, BoardWork
from .dice import Dice
from .frame import FrameError, Kind, NeedSnapshot, OverBudget, Status
from .log import log
from .plugin import Choice, Pick, Plugin, Reason, Score, SettingsError, Strategy, Turns
from .process import serve
from .rows import AgentFlags, Model, NeedFlags, QueueFlags, Table, Verdict, WorkFlags, WorkState
from .turn import Candidate, Item, Reply, Turn

__all__ = [
    "AgentFlags", "Board", "BoardAgent", "BoardWork", "Candidate", "Choice", "Dice", "FrameError", "Item", "Kind",
    "Model", "NeedFlags", "NeedSnapshot", "OverBudget", "Pick", "Plugin", "QueueFlags", "Reason", "Reply", "Score",
    "SettingsError", "Status", "Strategy", "Table", "Turn", "Turns", "Verdict", "WorkFlags", "WorkState", "log", "serve",
]
