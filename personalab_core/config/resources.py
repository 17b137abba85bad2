"""Where the files that ship with the package are: in a checkout and in an installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from personalab_core.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def data_root() -> Path:
    """Return the folder of shipped data (YAML defaults, scenarios, the model pack).

    An installed wheel carries it inside the package, a checkout beside it.

    Raises:
        ConfigError: Neither place has it; the installation is damaged.
    """
    for candidate in (_PACKAGE / "data", _PACKAGE.parent / "data"):
        if (candidate / "config").is_dir():
            return candidate
    raise ConfigError(
        f"The data files of personalab_core are missing (looked beside and inside {_PACKAGE}). Reinstall the package."
    )


def data_path(*parts: str) -> Path:
    """Return the path of a shipped data file or folder; it is not checked to exist."""
    return data_root().joinpath(*parts)


@cache
def dashboard_root() -> Path:
    """Return the folder that holds ``app.py``, ``pages/`` and ``.streamlit/``.

    Raises:
        ConfigError: The dashboard's files are not installed.
    """
    for candidate in (_PACKAGE / "_dashboard", _PACKAGE.parent):
        if (candidate / "app.py").is_file() and (candidate / "pages").is_dir():
            return candidate
    raise ConfigError(
        f"The dashboard's files are missing (looked beside and inside {_PACKAGE}). Reinstall the package."
    )
