"""The page of settings is what the program says: complete, up to date, no setting without a meaning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from personalab_core.config.layers import known_keys

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z0-9_.]+)` \| (.+?) \| (.+?) \| (.*?) \|$", PAGE, re.MULTILINE)


def test_page_is_up_to_date() -> None:
    command = [sys.executable, "scripts/write_settings_reference.py", "--check"]
    result = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_setting_is_there_with_a_meaning() -> None:
    keys = known_keys()
    leaves = {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}
    described = {key for key, _default, _kind, meaning in ROWS if meaning.strip()}
    # The three models share one schema; a key that a modality has no use for is not in its defaults.
    unused = {key for key in leaves if key.startswith("models.") and f"| `{key}` |" not in PAGE}
    assert leaves - described - unused == set()
