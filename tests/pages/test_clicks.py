"""A click is acted on once: also when other news cuts the run short, and never later than it was meant."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from pages.components import clicks

    if st.session_state.pop("cut", False):
        st.rerun()  # stands for what the browser sends in the middle of a run
    if not st.session_state.get("hidden") and clicks.button("Save", key="save"):
        st.session_state["saved"] = st.session_state.get("saved", 0) + 1
    clicks.forget()


def _saved(at: AppTest) -> int:
    return int(at.session_state.get("saved", 0))


def test_a_click_is_acted_on_once() -> None:
    at = AppTest.from_function(_page).run()
    assert _saved(at.button(key="save").click().run()) == 1
    assert _saved(at.run()) == 1


def test_a_click_outlives_a_run_that_is_cut_short() -> None:
    at = AppTest.from_function(_page).run()
    at.session_state["cut"] = True
    assert _saved(at.button(key="save").click().run()) == 1
    assert _saved(at.run()) == 1


def test_a_click_on_a_button_that_is_gone_does_not_act_later() -> None:
    at = AppTest.from_function(_page).run()
    at.session_state["hidden"] = True
    assert _saved(at.button(key="save").click().run()) == 0
    at.session_state["hidden"] = False
    assert _saved(at.run()) == 0
