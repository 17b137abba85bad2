"""Who is looking: everybody on this machine, or a person who logged in (OIDC) as editor or viewer.

A login is asked for when ``.streamlit/secrets.toml`` has an ``[auth]`` section; ``[access]`` beside it lists
editors and viewers. See ``docs/deploy.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from starlette.requests import Request

from pages.components import clicks, notices, snippets
from personalab_core.errors import ConfigError
from personalab_core.views.permissions import Person, person_of

LOCAL = Person()


def login_needed() -> bool:
    """Return whether this server asks for a login."""
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def current() -> Person:
    """Return who looks at the page that is being made.

    Raises:
        ConfigError: The lists in secrets.toml are wrong.
    """
    if not login_needed():
        return LOCAL
    if not st.user.is_logged_in:
        return Person("", "nobody")
    return person_of(st.user.to_dict(), _access())


def asking(request: Request) -> Person:
    """Return who asks for one of the app's own addresses, by the signed cookie that the login set.

    Raises:
        ConfigError: The lists in secrets.toml are wrong.
    """
    if not login_needed():
        return LOCAL
    claims = _claims(dict(request.cookies))
    return person_of(claims, _access()) if claims.get("is_logged_in") is True else Person("", "nobody")


def _claims(cookies: dict[str, str]) -> Mapping[str, Any]:
    # Streamlit verifies this cookie for its own websocket only and has no public way to ask it for a route.
    # tests/pages/test_login.py notices when that changes.
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    signed = _get_signed_cookie_with_chunks(cookies, USER_COOKIE_NAME)
    try:
        claims = json.loads(signed) if signed else {}
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _access() -> Mapping[str, Any]:
    access = st.secrets.get("access", {})
    if not isinstance(access, Mapping):
        raise ConfigError("[access] in secrets.toml is a section with the lists editors and viewers.")
    return access


def gate() -> bool:
    """Return whether the person may see the pages; otherwise show what to do instead."""
    if not login_needed():
        return True
    if not st.user.is_logged_in:
        snippets.head("Log in", "Personalab is for invited people.", "Log in to see the personas.", simulated=False)
        st.button("Log in", type="primary", on_click=st.login, key="access.login")
        return False
    if current().role == "nobody":
        address = str(st.user.get("email") or "This account")
        snippets.head("No access", f"{address} has no access here.", "Ask who runs this server.", simulated=False)
        st.button("Log out", on_click=st.logout, key="access.logout")
        return False
    return True


def show_person() -> None:
    """Show below the page who is logged in, and the way out; nothing without a login."""
    if not login_needed():
        return
    person = current()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        snippets.small(f"{person.name}, {person.role}")
        st.button("Log out", type="tertiary", on_click=st.logout, key="access.logout")


def act(label: str, work: Callable[[], object], *, key: str, **options: Any) -> None:
    """Show a button that does something before the page is drawn again, so that no timer can cut in between."""
    st.button(label, key=key, on_click=notices.do, args=(work,), **options | _for_editors())


def button(label: str, *, key: str, **options: Any) -> bool:
    """Show a button whose click the page acts on itself; return once whether it was clicked.

    Both kinds change something: a viewer sees them, but they are off and say why.
    """
    return clicks.button(label, key=key, **options | _for_editors())


def _for_editors() -> dict[str, Any]:
    return {} if current().may_edit else {"disabled": True, "help": "You may look. An editor can do this."}
