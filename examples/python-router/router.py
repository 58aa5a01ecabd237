# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""A router in Python: it dials a Patchbay host, takes work with those who may be
asked, and proposes who has been idle for longest. Only decide is about routing;
the rest is how a router talks, and needs no packages."""

import json
import os
import random
import signal
import sys
import time

from websocket import WebSocket

MANIFEST = {
    "name": "idle-python",
    "version": "1.0.0",
    "view": "candidates",
    "deterministic": True,
    "reasons": [{"code": 1, "name": "longest_idle", "text": "Idle for longest of those who could take it."}],
}

# After these refusals dialling again cannot help.
FINAL = {"unauthenticated", "no_common_version", "invalid"}


def decide(frame):
    """Proposes for each item its candidates, who has been idle for longest first.
    Whoever has no room any more is passed over by the host."""
    work, agents, proposals = frame.get("work", []), frame.get("agents", []), []
    for item in frame.get("items", []):
        row = work[item["work"]]
        candidates = [agents[c["agent"]] for c in item["candidates"]]
        candidates.sort(key=lambda agent: agent["idle_since"] or frame["now"])
        for rank, agent in enumerate(candidates[:3]):
            proposals.append({"work": row["ref"], "revision": row["revision"], "agent": agent["ref"],
                              "rank": rank, "reason": "longest_idle"})
    return {"proposals": proposals}


class Refused(Exception):
    """The host does not let the router in, or hangs up on it, and says why."""


class Router:
    """The router's side of a session, over all its connections."""

    def __init__(self, url, strategy, token, name):
        self.url, self.strategy, self.token, self.name = url, strategy, token, name
        self.line = None  # the connection, while there is one
        self.session = ""  # the resume token
        self.lease = self.applied = 0
        self.answer = None  # to the turn applied last
        self.returned = False  # the session was resumed, and no turn has come since

    def run(self):
        pause = 0.05
        while True:
            try:
                self.line = WebSocket(self.url)
                self.say({"hello": self.hello()})
                wait = 60.0
                while True:
                    message = json.loads(self.line.receive(wait))
                    if "welcome" in message:
                        pause, wait = 0.05, 3 * message["welcome"]["ping_ms"] / 1000
                    self.take(message)
            except Refused as refused:
                if refused.args[0] in FINAL:
                    raise
                print("refused:", *refused.args, file=sys.stderr)
            except (OSError, ValueError) as error:
                print("the line is lost:", error, file=sys.stderr)
            finally:
                if self.line:
                    self.line.close()
            time.sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, 5.0)

    def say(self, message):
        self.line.send(json.dumps(message))

    def hello(self):
        hello = {"strategy": self.strategy, "token": self.token, "router": self.name, "manifest": MANIFEST}
        if self.session:
            hello["resume"] = {"token": self.session, "lease": self.lease, "applied": self.applied}
        return hello

    def take(self, message):
        """Takes one message of the host; those it does not know are passed over."""
        if welcome := message.get("welcome"):
            self.session = welcome["resume_token"]
            if not welcome["resumed"] or welcome.get("lease", 0) != self.lease:
                self.lease = 0
            self.returned = self.lease != 0
        elif lead := message.get("lead"):
            self.lease, self.applied, self.answer, self.returned = lead["lease"], 0, None, False
            self.say({"configured": {"lease": self.lease}})
        elif (ask := message.get("ask")) and ask["lease"] == self.lease:
            again = self.returned and ask["turn"] == self.applied and self.answer
            if not again:
                self.answer = decide(ask["frame"])
            self.applied, self.returned = ask["turn"], False
            self.say({"answer": {"lease": self.lease, "turn": ask["turn"], "reply": self.answer}})
        elif ping := message.get("ping"):
            self.say({"pong": {"number": ping["number"]}})
        elif drained := message.get("drained"):
            self.lease = 0 if drained["lease"] == self.lease else self.lease
        elif notice := message.get("notice"):
            print("the host says:", notice["code"], notice["text"], file=sys.stderr)
        elif refused := message.get("refused"):
            raise Refused(refused["code"], refused["message"])

    def leave(self, *_):
        """Says goodbye, so that another router leads at once, and ends."""
        try:
            self.say({"leave": {"reason": "the router is told to end"}})
        except (OSError, AttributeError):
            pass  # there is no line to say it on
        os._exit(0)


def main():
    env = os.environ.get
    router = Router(env("PATCHBAY_URL", "ws://127.0.0.1:7460/v1/routers/session"), env("PATCHBAY_STRATEGY", "vendor"),
                    env("PATCHBAY_TOKEN", ""), env("PATCHBAY_NAME", "python"))
    signal.signal(signal.SIGTERM, router.leave)
    signal.signal(signal.SIGINT, router.leave)
    try:
        router.run()
    except Refused as refused:
        sys.exit(f"the host does not let the router in: {refused.args[1]}")


if __name__ == "__main__":
    main()
