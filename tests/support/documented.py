"""The examples of the documentation, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from personalab_core.config import Config, load_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
_EXAMPLE = re.compile(r"<!-- example: (\w+) -->\n```\w+\n(.*?)\n```", re.S)


def examples() -> dict[str, str]:
    """Every marked example by its name."""
    return dict(_EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))


def documented_config(folder: Path, name: str, *, base_url: str = "", **variables: str) -> Config:
    """The settings that an example gives, with the server's address replaced by ``base_url``."""
    text = re.sub(r"http://127\.0\.0\.1:\d+", base_url, examples()[name]) if base_url else examples()[name]
    (folder / "config.yml").write_text(f"profile: simulated\n{text}\n", encoding="utf-8")
    return load_config(workspace=folder, environ=variables)


def run_example(name: str, names: dict[str, Any]) -> None:
    """Execute a Python example with these names in scope, and leave there what it defines."""
    exec(compile(examples()[name], f"docs/providers.md ({name})", "exec"), names)
