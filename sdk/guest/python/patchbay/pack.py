# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""Packs a plugin into one file that runs by itself.

    python3 -m patchbay.pack FOLDER FILE

FOLDER holds __main__.py, which serves the plugin, and the modules it imports.
They go into FILE with this package, behind a line that starts Python. Tests
(test_*.py) and what is hidden stay out. The same files give the same bytes, so
that the checksum which the host's config pins can be told from the source.

A module from elsewhere is packed if it lies in FOLDER (pip install --target)
and is pure Python; a native one must be installed where the plugin runs.
"""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

# The environment is empty in a plugin, so the shell looks in the usual places
# for Python. A fixed hash keeps the order of sets the same from start to start.
HEAD = b"""#!/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin PYTHONHASHSEED=0 exec python3 -s "$0" "$@"
"""


def pack(folder: Path, out: Path) -> int:
    """Packs a folder; returns how many files went in."""
    if not (folder / "__main__.py").is_file():
        raise SystemExit(f"patchbay.pack: {folder} has no __main__.py")
    own = Path(__file__).parent
    files = {f"patchbay/{f.name}": f for f in own.glob("*.py")}
    for f in folder.rglob("*.py"):
        parts = f.relative_to(folder).parts
        hidden = any(p.startswith(".") or p in ("__pycache__", "tests", "patchbay") for p in parts[:-1])
        if not hidden and not f.name.startswith("test_"):
            files["/".join(parts)] = f
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "wb") as file:
        file.write(HEAD)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name].read_bytes(), zipfile.ZIP_DEFLATED)
    os.chmod(out, 0o755)
    return len(files)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    count = pack(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{sys.argv[2]}: {count} files, {Path(sys.argv[2]).stat().st_size} bytes")
