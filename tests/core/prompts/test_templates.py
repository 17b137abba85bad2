"""``${VAR}`` templates and stable hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import ConfigError
from personalab_core.prompts import prompt_hash, render_template, template_variables

_names = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=8)
_literals = st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=10)


@given(st.lists(st.tuples(_literals, _names)), st.dictionaries(_names, st.text(max_size=10)))
def test_every_variable_is_replaced_by_its_value_as_it_is(
    pieces: list[tuple[str, str]], values: dict[str, str]
) -> None:
    known = {name: values.get(name, "${NOT_LOOKED_AT} $${x}") for _, name in pieces}
    text = "".join(f"{literal}${{{name}}}" for literal, name in pieces)
    assert render_template(text, known) == "".join(literal + known[name] for literal, name in pieces)
    assert set(template_variables(text)) == set(known)


@given(st.text().filter(lambda text: "${" not in text))
def test_text_without_variables_stays_as_it_is(text: str) -> None:
    assert render_template(text, {}) == text


def test_doubled_dollar_stands_for_itself_before_a_brace() -> None:
    assert render_template("$${A} $5 $$ ${A}", {"A": "x"}) == "${A} $5 $$ x"


def test_missing_variable_is_named_with_its_file() -> None:
    with pytest.raises(ConfigError) as caught:
        render_template("${SUBJCT}", {"SUBJECT": "a", "MOOD": "b"}, source="/w/prompts/scenarios.yml")
    assert str(caught.value) == (
        "/w/prompts/scenarios.yml: the template uses ${SUBJCT}, which is not defined. Did you mean ${SUBJECT}?"
    )


def test_hash_is_that_of_normalised_utf8() -> None:
    """SHA-256 of the five bytes 63 61 66 c3 a9 and a line feed, as sha256sum prints it."""
    expected = "7b49b9e063bd91a4f9252b413261f5557b9c570aa61516989499f64a62dbcdd6"
    composed, decomposed = "caf\u00e9\n", "cafe\u0301\r\n"
    assert prompt_hash(composed) == prompt_hash(decomposed) == prompt_hash("caf\u00e9\r")
    assert prompt_hash(composed) == expected
