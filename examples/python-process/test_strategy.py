# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

import unittest

from patchbay.testing import NOW, Scene
from strategy import plugin


class SkilledIdle(unittest.TestCase):
    def test_skill_and_rest_count_alike(self):
        scene = Scene(plugin)
        scene.agent("ada", {"tax": 9}, idle=60)
        scene.agent("ben", {"tax": 2}, idle=600)
        scene.agent("cleo", {"golf": 10}, idle=300)
        scene.work("w1", ["cleo", "ada", "ben"], needs={"tax": 1})
        answer = scene.play()
        self.assertEqual(answer.offers, {"w1": ["ben", "ada", "cleo"]})
        self.assertEqual(answer.reasons, {"w1": "skilled_and_idle"})

    def test_share(self):
        for share, first in ((100, "ada"), (0, "ben")):
            scene = Scene(plugin, {"skill_share": share})
            scene.agent("ada", {"tax": 9})
            scene.agent("ben", idle=60)
            scene.work("w1", ["ada", "ben"], needs={"tax": 0})
            self.assertEqual(scene.play().offers["w1"][0], first)

    def test_rest(self):
        scene = Scene(plugin, {"rest_seconds": 30})
        scene.agent("ada", idle=10)
        scene.agent("ben", idle=25)
        scene.work("w1", ["ada", "ben"])
        answer = scene.play()
        self.assertEqual(answer.offers, {"w1": []})
        self.assertEqual(answer.reasons, {"w1": "resting"})
        self.assertEqual(answer.wake_at, NOW + 5000)


if __name__ == "__main__":
    unittest.main()
