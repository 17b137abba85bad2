"""The floors hold, and the bare import stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"cv2", "onnxruntime", "insightface", "streamlit", "PIL", "pandas", "plotly", "google", "openai", "dlib"}


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_bare_import_pulls_in_nothing_heavy() -> None:
    loaded = _run("import sys, json, personalab_core; print(json.dumps([m.split('.')[0] for m in sys.modules]))")
    assert not HEAVY & set(json.loads(loaded))


def test_every_public_name_exists() -> None:
    """``__all__`` is sorted and each name can be had."""
    _run(
        "import personalab_core as p\n"
        "assert list(p.__all__) == sorted(p.__all__), 'not sorted'\n"
        "missing = [n for n in p.__all__ if not hasattr(p, n)]\n"
        "assert not missing, missing\n"
    )


def test_floors_hold() -> None:
    """import-linter finds no arrow that points up."""
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
