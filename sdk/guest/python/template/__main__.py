"""The program: it serves the plugin to the host that started it."""

import patchbay

from strategy import plugin

patchbay.serve(plugin)
