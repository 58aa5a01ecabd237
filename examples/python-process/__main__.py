# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""The program: it serves the plugin to the host that started it."""

import patchbay

from strategy import plugin

patchbay.serve(plugin)
