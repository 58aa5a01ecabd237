# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Who knows it best and has rested longest: agents are picked by their levels in
the skills that the work requires and by how long they have been idle. Two
settings say how much each counts, and how long agents rest at least."""

from patchbay import Choice, NeedFlags, Pick, Plugin, Reason

BEST = Reason(1, "skilled_and_idle", "Best by skill and time idle.")
RESTING = Reason(2, "resting", "All who could take it are resting.")

SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "skill_share": {
            "description": "how much skill counts, in per cent; the rest is for time idle",
            "type": "integer",
            "minimum": 0,
            "maximum": 100,
            "default": 50,
        },
        "rest_seconds": {
            "description": "how long agents are left alone after their last work",
            "type": "integer",
            "minimum": 0,
            "maximum": 3600,
            "default": 0,
        },
    },
}


class SkilledIdle(Pick):
    def configure(self, settings):
        self.share = settings.get("skill_share", 50)
        self.rest = settings.get("rest_seconds", 0) * 1000

    def pick(self, turn, item, reply):
        wanted = [name for name, need in item.needs.items() if not need.flags & NeedFlags.DROPPED]
        found = []
        for candidate in item.candidates:
            idle = candidate.idle(turn.now)
            if candidate.row.idle_since and idle < self.rest:
                reply.wake(candidate.row.idle_since + self.rest)
                continue
            skill = min(sum(candidate.skills.get(name, 0) for name in wanted), 10_000)
            rested = min(idle // 60, 10_000)  # ten minutes count as much as level 10
            found.append(Choice(candidate, (self.share * skill + (100 - self.share) * rested) // 100, BEST))
        if not found:
            reply.note(item, RESTING)
        return sorted(found, key=lambda choice: -choice.score)


plugin = Plugin("skilled-idle", "1.0.0", SkilledIdle, settings=SETTINGS, reasons=[BEST, RESTING])
