"""``${VAR}`` templates and the hash of a text."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping

from personalab_core.config.layers import nearest
from personalab_core.errors import ConfigError

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
"""An escaped ``$${``, or a variable with its name as group 1."""


def template_variables(text: str) -> tuple[str, ...]:
    """Return the names of the variables in a template, in order of first use.

    >>> template_variables("${A} and ${B}, not $${C}; ${A} again")
    ('A', 'B')
    """
    names = (token.group(1) for token in _TOKEN.finditer(text))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def render_template(text: str, variables: Mapping[str, str], *, source: str = "template") -> str:
    """Return the template with every ``${VAR}`` replaced; ``$${`` stands for a literal ``${``.

    Values are put in as they are: a ``${`` inside a value is not looked at again.

    Args:
        text: The template.
        variables: Value of each variable; more than the template uses is fine.
        source: What to call the template in messages, usually its file.

    Raises:
        ConfigError: The template uses a variable that is not given; the message names it.

    >>> render_template("A ${FRAMING} for $5", {"FRAMING": "headshot"})
    'A headshot for $5'
    """
    for name in template_variables(text):
        if name not in variables:
            raise ConfigError(
                f"{source}: the template uses ${{{name}}}, which is not defined. {_hint(name, variables)}"
            )
    # One pass over the template, so that neither values nor escapes can form new variables.
    return _TOKEN.sub(lambda token: "${" if token.group(1) is None else variables[token.group(1)], text)


def prompt_hash(text: str) -> str:
    """Return the SHA-256 of a text in hex, the same on every platform.

    The text is brought to Unicode NFC and to plain line feeds first.
    """
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()


def _hint(name: str, variables: Mapping[str, str]) -> str:
    close = {known.lower(): known for known in variables}.get(nearest(name, [k.lower() for k in variables]) or "")
    return f"Did you mean ${{{close}}}?" if close else f"Known: {', '.join(sorted(variables)) or 'none'}."
