"""One planned piece: what came of it at the left, what is asked for at the right."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st
from pydantic import ValidationError

from pages.components import access, notices, plan_run, snippets, state
from personalab_core.errors import PersonalabError
from personalab_core.schemas import ContentPlan, PlannedContent
from personalab_core.views import words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.plan import ItemCard, item_answer, item_card
from personalab_core.views.workspace import Workspace

ITEM = "item"
_LINES = {
    "action_details": "What the person does",
    "location_details": "Where",
    "outfit_details": "Clothes",
    "expression": "Expression",
    "lighting": "Light",
    "mood": "Mood",
    "camera": "Camera",
}
_FRAMINGS = [None, "headshot", "half_body", "full_body"]


def show(space: Workspace, history: PersonaHistory, plan: ContentPlan, item: PlannedContent, *, busy: bool) -> None:
    """Show one item with its form."""
    card = item_card(history, item, busy=busy)
    answer, detail = item_answer(item, card)
    left, right = st.columns([3, 2], vertical_alignment="bottom", gap="large")
    with left:
        page = f"Plan of {history.name}, {card.day or 'no day'}"
        snippets.head(page, answer, detail, simulated=plan.simulated, mark=card.mark)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _actions(space, history, plan, item, busy=busy)
    st.space("small")
    a, b = st.columns([1, 2], gap="large")
    with a:
        _outcome(history, item, card)
    with b:
        _form(space, history, item)


def _actions(space: Workspace, history: PersonaHistory, plan: ContentPlan, item: PlannedContent, *, busy: bool) -> None:
    if st.button("All pieces", key="plan.back"):
        st.query_params.pop(ITEM, None)
        st.rerun()
    if busy:
        return
    if item.status in {"idea", "approved"} and access.button("Drop", key="plan.item.drop"):
        _set(space, history, item, "dropped")
    if item.status in {"idea", "dropped"} and access.button("Approve", key="plan.item.approve"):
        _set(space, history, item, "approved")
    if item.status == "dropped":
        return
    label = "Make it again" if item.assets else "Make it now"
    if history.anchor is None:
        if st.button("Choose an anchor", type="primary", key="plan.anchor"):
            state.go("anchors", history.id)
    elif access.button(label, type="secondary" if item.status == "made" else "primary", key="plan.item.make"):
        plan_run.start(space, plan, [item.id])


def _set(space: Workspace, history: PersonaHistory, item: PlannedContent, status: str) -> None:
    _change(space, history, item, {"status": status})


def _outcome(history: PersonaHistory, item: PlannedContent, card: ItemCard) -> None:
    if card.picture is None:
        snippets.section("Nothing made yet")
        snippets.small("The picture, its score and what it cost appear here.")
        return
    snippets.block(snippets.portrait(card.picture, card.picture.alt))
    rows = (("Score", card.score), ("Attempts", str(card.n_attempts)), ("Cost", card.cost), ("Asset", item.assets[-1]))
    snippets.block(snippets.facts(rows))
    if st.button("Open the attempt", key="plan.item.open"):
        state.go("attempts", history.id, **{state.ATTEMPT: card.attempt_id})


def _form(space: Workspace, history: PersonaHistory, item: PlannedContent) -> None:
    scene = item.scenario_details
    key = f"plan.edit.{history.id}.{item.id}"
    with st.form(key, border=False):
        snippets.section("What is posted")
        title = st.text_input("Title", item.title, key=f"{key}.title", max_chars=200)
        caption = st.text_area("Caption", item.caption, key=f"{key}.caption", max_chars=2200)
        a, b, c = st.columns(3)
        tags = a.text_input("Hashtags", " ".join(item.hashtags), key=f"{key}.tags")
        day: Any = b.date_input("Day", item.scheduled, key=f"{key}.day", format="YYYY-MM-DD")
        kinds = ["image", "video"]
        kind = c.selectbox("Kind", kinds, kinds.index(item.asset_type), format_func=str.capitalize, key=f"{key}.kind")
        snippets.section("The scene", below=True)
        lines = {
            name: st.text_input(label, str(scene.get(name) or ""), key=f"{key}.{name}")
            for name, label in _LINES.items()
        }
        a, b = st.columns(2)
        framing = a.selectbox(
            "Framing",
            _FRAMINGS,
            _FRAMINGS.index(scene.get("framing")),
            format_func=lambda name: words.FRAMINGS[name] if name else "Not said",
            key=f"{key}.framing",
        )
        negative = b.text_input("To avoid", str(scene.get("negative") or ""), key=f"{key}.negative")
        save = st.form_submit_button("Save", key=f"{key}.save", disabled=not access.current().may_edit)
    if save:
        details = {**scene, **lines, "framing": framing, "negative": negative}
        changed = {
            "title": title,
            "caption": caption,
            "hashtags": tuple(tags.split()),
            "scheduled": day if isinstance(day, date) else None,
            "asset_type": kind,
            "scenario_details": {name: value for name, value in details.items() if value not in ("", None)},
        }
        _change(space, history, item, changed)


def _change(space: Workspace, history: PersonaHistory, item: PlannedContent, values: dict[str, Any]) -> None:
    def changed(stored: PlannedContent) -> PlannedContent:
        return PlannedContent.model_validate({**stored.model_dump(), **values})

    try:
        space.plan_item(history.id, item.id, changed)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        notices.show_refusal(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}. Nothing was changed.")
        return
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    st.rerun()
