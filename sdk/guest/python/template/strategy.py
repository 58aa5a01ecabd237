"""{{name}}: who has been idle longest is asked first; each assignment that is
open at an agent counts against it."""

import patchbay

LONGEST_IDLE = patchbay.Reason(1, "longest_idle", "Idle longest.")

SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "busy_seconds": {
            "description": "how many seconds of idleness one open assignment takes away",
            "type": "number",
            "minimum": 0,
            "maximum": 86400,
            "default": 60,
        }
    },
}


class {{Name}}(patchbay.Score):
    def configure(self, settings):
        self.busy_seconds = settings.get("busy_seconds", 60)

    def score(self, turn, item, candidate):
        """Higher is better; None keeps the work from the agent."""
        seconds = candidate.idle(turn.now) / 1000 - self.busy_seconds * candidate.row.open
        return seconds, LONGEST_IDLE


plugin = patchbay.Plugin("{{name}}", "0.1.0", {{Name}}, settings=SETTINGS, reasons=[LONGEST_IDLE])
