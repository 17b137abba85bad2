"""The edges of pages: what goes wrong becomes a sentence, and what takes long says how far it is."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pages.components import reading
from tests.pages.conftest import OpenPage, answer_of, words_of
from tests.support.workspace_builder import WorkspaceBuilder


def broken_part() -> None:
    from pages.components import frame
    from personalab_core.errors import WorkspaceError

    @frame.fragment(of="part")
    def part() -> None:
        raise WorkspaceError("The disk is gone.")

    part()


def broken_page() -> None:
    from pages.components import frame

    @frame.fragment()
    def page() -> None:
        raise ZeroDivisionError

    page()


def test_an_error_in_a_part_that_reruns_by_itself_is_a_sentence() -> None:
    at = AppTest.from_function(broken_part, default_timeout=60).run()
    assert not at.exception
    assert at.error[0].value == "The workspace cannot be used. The disk is gone."


def test_an_unexpected_one_has_an_id_and_no_details(caplog: pytest.LogCaptureFixture) -> None:
    at = AppTest.from_function(broken_page, default_timeout=60).run()
    assert not at.exception
    assert answer_of(at) == "This page could not be shown."
    assert "division" not in words_of(at)
    (logged,) = [record for record in caplog.records if "page failed" in record.getMessage()]
    assert logged.exc_info is not None
    assert logged.args[-1] in at.code[0].value  # type: ignore[index, operator]


def test_many_new_records_are_announced_while_they_are_read(
    open_page: OpenPage, builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    builder.asset("mara", 0.7)
    monkeypatch.setattr(reading, "WORTH_SAYING_BYTES", 1)
    told: list[float] = []
    monkeypatch.setattr(reading, "_tell", lambda _bar, done, whole: told.append(done / whole))
    at = open_page("attempts", builder.root, persona="mara")
    assert answer_of(at) == "All 1 attempts of Mara were accepted."
    assert told == sorted(told)
    assert told[-1] == 1.0
    told.clear()
    at.run()
    assert not told, "nothing is new the second time"


def upload() -> None:
    from dataclasses import dataclass

    import streamlit as st

    from pages.components import uploads

    @dataclass
    class File:
        name: str
        size: int

    taken = uploads.within([File("a.png", 20 * 1024 * 1024), File("b.png", 20 * 1024 * 1024 + 1)], mb=20)
    st.session_state["taken"] = [file.name for file in taken]


def test_a_file_that_a_browser_should_not_have_sent_is_left_out() -> None:
    at = AppTest.from_function(upload, default_timeout=60).run()
    assert at.session_state["taken"] == ["a.png"]
    assert at.error[0].value.replace("\u00a0", " ") == "b.png has over 20 MB. It was left out."
