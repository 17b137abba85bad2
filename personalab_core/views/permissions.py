"""Who may change something, and stores that refuse it to those who may only look.

The pages also hide what a viewer cannot do; that is a courtesy. What holds is here: a viewer's
workspace has no way to write, whatever a browser sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from personalab_core.config.personas import PersonaStore
from personalab_core.errors import ConfigError, NotAllowedError
from personalab_core.jobs import JobStore

Role = Literal["editor", "viewer", "nobody"]


@dataclass(frozen=True, slots=True)
class Person:
    """Who is looking. Without a login everybody on this machine is the editor."""

    name: str = ""
    role: Role = "editor"

    @property
    def may_edit(self) -> bool:
        """Whether this person may start runs and change personas, anchors and decisions."""
        return self.role == "editor"


def person_of(claims: Mapping[str, Any], access: Mapping[str, Any]) -> Person:
    """Return who a login is and what that person may do.

    Args:
        claims: What the login provider says: ``email``, and ``email_verified`` if it tells.
        access: Lists ``editors`` and ``viewers`` of addresses, or of whole domains as ``@example.com``.
            Whoever is on neither list may not even look.

    Raises:
        ConfigError: A list is not a list of texts.
    """
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or claims.get("email_verified") is False:
        return Person("", "nobody")
    address = email.strip().casefold()
    if _listed(address, access, "editors"):
        return Person(email, "editor")
    return Person(email, "viewer" if _listed(address, access, "viewers") else "nobody")


def _listed(address: str, access: Mapping[str, Any], name: str) -> bool:
    entries = access.get(name, [])
    if isinstance(entries, str) or not isinstance(entries, Sequence) or not all(isinstance(e, str) for e in entries):
        raise ConfigError(f'[access] {name} in secrets.toml is a list of addresses, such as ["ann@example.com"].')
    domain = address[address.rindex("@") :]
    return any(entry.strip().casefold() in {address, domain} for entry in entries)


def refuse(*_: Any, **__: Any) -> NoReturn:
    """Say that only an editor can do this, whatever it was.

    Raises:
        NotAllowedError: Always.
    """
    raise NotAllowedError("You may look, not change. Ask an editor; nothing was changed.")


class ReadOnlyJobs(JobStore):
    """The jobs as a viewer has them."""

    submit = cancel = resume = claim = report = finish = refuse


class ReadOnlyPersonas(PersonaStore):
    """The personas as a viewer has them."""

    save = add = replace = archive = restore = delete = refuse
