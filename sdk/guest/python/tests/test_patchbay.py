# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""The rungs, settings and statuses, by scenes and frames."""

import json
import unittest

import patchbay
from patchbay import Choice, Dice, Pick, Plugin, Reason, Score, SettingsError, Status, frame, hpack, rows, wire
from patchbay.certificate import Certificate
from patchbay.instance import Instance, Refusal
from patchbay.testing import NOW, Scene

GOLD = Reason(7, "gold", "Gold customers go to the best.")


class BestGerman(Score):
    def score(self, turn, item, candidate):
        level = candidate.skills.get("german")
        return None if level is None else (level, GOLD)


class Last(Pick):
    def configure(self, settings):
        if settings.get("wait", 0) < 0:
            raise SettingsError("wait", "0 or more is wanted")

    def pick(self, turn, item, reply):
        wait = self.settings.get("wait", 0) * 1000
        if item.age < wait:
            reply.note(item, GOLD)
            reply.wake(turn.now + wait - item.age)
            return None
        return Choice(item.candidates[-1], 5, GOLD) if item.attributes else list(reversed(item.candidates))


def plugin(new, **more):
    return Plugin("test", "1.0.0", new, reasons=[GOLD], **more)


class Rungs(unittest.TestCase):
    def test_score(self):
        scene = Scene(plugin(BestGerman))
        scene.agent("anna", {"german": 1})
        scene.agent("bert", {"german": 3})
        scene.agent("cleo")
        scene.agent("dora", {"german": 3})
        scene.work("w1", ["anna", "bert", "cleo", "dora"])
        scene.work("w2", ["cleo"])
        answer = scene.play()
        self.assertEqual(answer.offers, {"w1": ["bert", "dora", "anna"], "w2": []})
        self.assertEqual(answer.reasons, {"w1": "gold"})

    def test_pick(self):
        scene = Scene(plugin(Last), {"wait": 10})
        scene.agent("anna")
        scene.agent("bert")
        scene.work("w1", ["anna", "bert"], age=3)
        scene.work("w2", ["anna", "bert"], age=20)
        scene.work("w3", ["anna", "bert"], age=20, attributes={"a": "b"})
        answer = scene.play()
        self.assertEqual(answer.offers, {"w1": [], "w2": ["bert", "anna"], "w3": ["bert"]})
        self.assertEqual(answer.reasons, {"w1": "gold", "w3": "gold"})
        self.assertEqual(answer.wake_at, NOW + 7000)

    def test_settings(self):
        with self.assertRaisesRegex(ValueError, "wait: 0 or more"):
            Scene(plugin(Last), {"wait": -1})
        instance = Instance(plugin(Last))
        instance.configure(wire.ConfigureRequest(1, b'{"wait": 3}'))
        got = instance.configure(wire.ConfigureRequest(2, b"[]"))
        self.assertEqual((got.generation, got.diagnostics[0].severity), (2, wire.SEVERITY_ERROR))
        self.assertEqual(instance.strategy.settings, {"wait": 3})


class Statuses(unittest.TestCase):
    def status(self, data):
        got = frame.Frame(data)
        return Status(got.header.status), got.header.seq, got.bytes().decode()

    def test_statuses(self):
        class Broken(Score):
            def score(self, turn, item, candidate):
                raise {1: patchbay.OverBudget, 2: patchbay.NeedSnapshot}.get(turn.seed, ZeroDivisionError)("why")

        def ask(seed, ready=True):
            scene = Scene(plugin(Broken), seed=seed)
            scene.agent("anna")
            scene.work("w1", ["anna"])
            scene._instance._ready = ready
            return self.status(scene._instance.turn(scene.frame()))

        self.assertEqual(ask(1)[0], Status.OVER_BUDGET)
        self.assertEqual(ask(2)[0], Status.NEED_SNAPSHOT)
        self.assertEqual(ask(3), (Status.INTERNAL, 1, "ZeroDivisionError: why"))
        self.assertEqual(ask(3, ready=False)[0], Status.NOT_READY)
        self.assertEqual(self.status(Instance(plugin(Broken)).turn(b"rubbish"))[0], Status.BAD_FRAME)

    def test_view(self):
        instance = Instance(plugin(Last))
        instance.configure(wire.ConfigureRequest(1))
        board = frame.write(rows.Header(kind=frame.Kind.SNAPSHOT, epoch=1, seq=1), [])
        self.assertEqual(self.status(instance.turn(board))[0], Status.INTERNAL)

    def test_handshake(self):
        instance = Instance(plugin(Last, settings={"type": "object"}, candidates=3, tables=[1, 2]))
        with self.assertRaises(Refusal):
            instance.handshake(wire.HandshakeRequest(features=[1, 2, 3]))
        got = wire.HandshakeResponse.decode(instance.handshake(wire.HandshakeRequest(features=[1, 4, 99], epoch=5)).encode())
        self.assertEqual((got.features, got.view, got.candidates, got.majors), ([1, 4], 2, 3, [1]))
        self.assertEqual(json.loads(got.settings_schema), {"type": "object"})
        self.assertEqual([(r.code, r.name) for r in got.reasons], [(7, "gold")])
        self.assertEqual([(t.table, t.stride) for t in got.layouts], [(1, rows.Agent.SIZE), (2, rows.Work.SIZE)])
        with self.assertRaises(Refusal):
            instance.drain(4)
        instance.drain(5)


class Parts(unittest.TestCase):
    def test_dice(self):
        dice = Dice(42)
        self.assertEqual([dice.bits() for _ in range(3)], [13679457532755275413, 2949826092126892291, 5139283748462763858])
        self.assertTrue(all(0 <= dice.below(7) < 7 and 0 <= dice.fraction() < 1 for _ in range(100)))

    def test_wire(self):
        request = wire.HandshakeRequest(3, [1, 300], [wire.Layout(1, 2, 104)], "v1", (1 << 64) - 1, 5, 6)
        self.assertEqual(wire.HandshakeRequest.decode(request.encode()), request)
        for n in range(len(request.encode())):
            try:
                wire.HandshakeRequest.decode(request.encode()[:n])
            except wire.WireError:
                pass
        self.assertEqual(wire.DrainRequest.decode(b"\x20\x05\x08\x96\x01").epoch, 150)

    def test_hpack(self):
        """The examples of RFC 7541, appendix C.4."""
        decoder = hpack.Decoder()
        for block, path in (("828684418cf1e3c2e5f23a6ba0ab90f4ff", "/"), ("828684be5886a8eb10649cbf", "/")):
            headers = dict(decoder.decode(bytes.fromhex(block)))
            self.assertEqual((headers[":authority"], headers[":path"]), ("www.example.com", path))
        self.assertEqual(hpack.Decoder().decode(hpack.encode([("a", "b" * 300)])), [("a", "b" * 300)])
        for rubbish in (b"\xff\xff\xff\xff\xff\xff", b"\x40\x85ab", b"\xc8", b"\x3f\xff\xff\x7f"):
            with self.assertRaises(hpack.HeaderError):
                hpack.Decoder().decode(rubbish)

    def test_certificate(self):
        import ssl
        import tempfile

        own = Certificate()
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(own.pem)
            file.flush()
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file.name)
        self.assertNotIn("=", own.line())


if __name__ == "__main__":
    unittest.main()
