# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Lines for the host's log."""

from __future__ import annotations

import json
import sys


def log(text: str, level: str = "info", **fields: object) -> None:
    """Writes a line to the host's log: a JSON object, as hosts of go-plugin read it.

    level is "trace", "debug", "info", "warn" or "error". What is printed goes
    there too, as it is. The host drops what is more than it takes per second.
    """
    line = {"@level": level, "@message": text, **fields}
    print(json.dumps(line, ensure_ascii=False, default=str), file=sys.stderr, flush=True)
