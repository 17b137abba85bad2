"""What surrounds every page: stylesheet, logo, and the edge where an error becomes a sentence."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import streamlit as st

from pages.components import notices
from pages.components.parts import STYLESHEET
from pages.components.tokens import tokens
from personalab_core.errors import ConfigError, PersonalabError, WorkspaceError

T = TypeVar("T")
P = ParamSpec("P")

_ICON = Path(__file__).resolve().parent.parent / "static" / "icon.png"
_LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 24" width="132" height="24" fill="none"
 stroke="{ink}" stroke-width="2"><circle cx="10" cy="12" r="8"/>
 <circle cx="16" cy="12" r="8" stroke-dasharray="3.4 2.4"/>
<text x="33" y="17.5" fill="{ink}" stroke="none" font-family="Inter, Helvetica, Arial, sans-serif" font-weight="700"
 font-size="16" letter-spacing="-.2">Personalab</text></svg>"""

_log = logging.getLogger(__name__)


def show() -> None:
    """Set up the page; the first Streamlit call of every run."""
    st.set_page_config(page_title="Personalab", page_icon=str(_ICON), layout="wide", initial_sidebar_state="collapsed")
    st.logo(_LOGO.format(ink=tokens().ink), size="large")
    st.html(STYLESHEET)


def run(page: Callable[[], T], *, of: Literal["page", "part"] = "page") -> T | None:
    """Run a page, or a part of one, and return what it returns. Whatever goes wrong in it becomes one sentence."""
    say = {"page": notices.show_error, "part": notices.show_part_error}[of]
    try:
        return page()
    except ConfigError as error:
        say("A setting is wrong.", str(error))
    except WorkspaceError as error:
        say("The workspace cannot be used.", str(error))
    except PersonalabError as error:
        say(f"This {of} cannot be shown.", str(error))
    except Exception:  # noqa: BLE001 - the page's edge: a person must never meet a traceback
        error_id = uuid.uuid4().hex[:8]
        _log.exception("%s failed, id %s", of, error_id)
        say(
            f"This {of} could not be shown.",
            "Nothing was lost; the other pages still work.",
            details=f"Error {error_id}. The server's log has the details under this id.",
        )
    return None


def fragment(
    *, of: Literal["page", "part"] = "page", every_s: float | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return a decorator for what reruns by itself; the edge of the page is not around it then, so it has its own.

    Args:
        of: Whether it draws the whole page, head included, or a part of one.
        every_s: How often it reruns without being asked, if at all.
    """

    def decorated(draw: Callable[P, None]) -> Callable[P, None]:
        @wraps(draw)
        def edged(*args: P.args, **options: P.kwargs) -> None:
            run(partial(draw, *args, **options), of=of)

        return st.fragment(run_every=every_s)(edged)

    return decorated
