import unittest

from patchbay.testing import Scene
from strategy import plugin


class Rule(unittest.TestCase):
    def test_longest_idle_first(self):
        scene = Scene(plugin)
        scene.agent("ada", idle=10)
        scene.agent("ben", idle=50)
        scene.work("w1", ["ada", "ben"])
        self.assertEqual(scene.play().offers, {"w1": ["ben", "ada"]})

    def test_open_work_counts(self):
        for busy_seconds, order in ((60, ["ada", "ben"]), (0, ["ben", "ada"])):
            scene = Scene(plugin, {"busy_seconds": busy_seconds})
            scene.agent("ada", open=1, capacity=3)
            scene.agent("ben", open=2, capacity=3)
            scene.work("w1", ["ben", "ada"])
            with self.subTest(busy_seconds):
                self.assertEqual(scene.play().offers, {"w1": order})


if __name__ == "__main__":
    unittest.main()
