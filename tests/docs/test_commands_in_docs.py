"""Every command and every file that the documentation names is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from personalab_core.cli.entry import app

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|`|: )(personalab (?!_core)[a-z-][^`\n#]+)", re.MULTILINE)
PROGRAM = typer.main.get_command(app)


def commands(page: Path) -> list[str]:
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    return sorted({re.split(r"\s{3,}", found)[0].strip() for found in COMMAND.findall(text)})


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def problem(line: str) -> str:
    """What is wrong with a command line, by its command's own names; empty if nothing is."""
    words = shlex.split(line)[1:]
    command: Any = PROGRAM
    everywhere = {"-h", "--help", "--json"} | options(PROGRAM)
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        if word.startswith("-"):
            if word.split("=")[0] not in everywhere:
                return f"no option {word}"
            if word in {"--workspace", "-w", "--config", "-c", "--profile"} and words:
                words.pop(0)
            continue
        if word not in command.commands:
            return f"no command {word}"
        command = command.commands[word]
    unknown = [
        word
        for word in words
        if re.match(r"--?[a-z]", word) and word.split("=")[0] not in options(command) | everywhere
    ]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_with_their_options(page: Path) -> None:
    wrong = {line: found for line in commands(page) if (found := problem(line))}
    assert wrong == {}


def test_the_check_finds_what_is_not_there() -> None:
    assert problem("personalab plan nwe mara") == "no command nwe"
    assert problem("personalab plan new mara --weekly 3") == "no option --weekly"
    assert problem("personalab --workspace x drift mara") == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_examples_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (page.parent / link).exists()]
    missing += [name for name in re.findall(r"\bexamples/\w+\.py", text) if not (ROOT / name).is_file()]
    assert missing == []
