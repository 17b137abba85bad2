"""The console command ``personalab``: thin over the same code as the dashboard and Python.

Good means: quick to start, one clear sentence where something is wrong, ``--json`` for
programs, and exit codes that mean something (0 done, 1 rejected or not accepted, 2 bad input).
"""

from personalab_core.cli.entry import app, main

__all__ = ["app", "main"]
