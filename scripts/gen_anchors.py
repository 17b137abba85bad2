"""Make frontal anchor candidates of a persona, without choosing one.

    python scripts/gen_anchors.py daniperez

The same as ``personalab anchors generate PERSONA --no-select``; takes its options, too.
"""

from __future__ import annotations

import sys

from personalab_core.cli import app

if __name__ == "__main__":
    app(["anchors", "generate", "--no-select", *sys.argv[1:]], prog_name="personalab")
