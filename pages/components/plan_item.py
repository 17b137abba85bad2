"""One planned piece: what came of it at the left, what is asked for at the right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import streamlit as st
from pydantic import ValidationError

from pages.components import access, clicks, notices, plan_run, snippets, state
from personalab_core.errors import InputError
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
_DECISIONS = (("Drop", "dropped", {"idea", "approved"}), ("Approve", "approved", {"idea", "dropped"}))
"""What can be decided about an item: the button, the state it leads to, and the states in which it is offered."""
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
    if clicks.button("All pieces", key="plan.back"):
        st.query_params.pop(ITEM, None)
        st.rerun()
    if busy:
        return
    for label, status, offered in _DECISIONS:
        with clicks.place(f"plan.item.{status}"):
            if item.status in offered:
                change = partial(_change, space, history.id, item.id, {"status": status})
                access.act(label, change, key=f"plan.item.{label.lower()}")
    if item.status == "dropped":
        return
    label = "Make it again" if item.assets else "Make it now"
    if history.anchor is None:
        if clicks.button("Choose an anchor", type="primary", key="plan.anchor"):
            state.go("anchors", history.id)
    else:
        access.act(
            label,
            partial(plan_run.start, space, plan, [item.id]),
            type="secondary" if item.status == "made" else "primary",
            key="plan.item.make",
        )


def _outcome(history: PersonaHistory, item: PlannedContent, card: ItemCard) -> None:
    if card.picture is None:
        snippets.section("Nothing made yet")
        snippets.small("The picture, its score and what it cost appear here.")
        return
    snippets.block(snippets.portrait(card.picture, card.picture.alt))
    rows = (("Score", card.score), ("Attempts", str(card.n_attempts)), ("Cost", card.cost), ("Asset", item.assets[-1]))
    snippets.block(snippets.facts(rows))
    if clicks.button("Open the attempt", key="plan.item.open"):
        state.go("attempts", history.id, **{state.ATTEMPT: card.attempt_id})


def _form(space: Workspace, history: PersonaHistory, item: PlannedContent) -> None:
    key = f"plan.edit.{history.id}.{item.id}"
    with st.form(key, border=False):
        _what_is_posted(item, key)
        _the_scene(item.scenario_details, key)
        st.form_submit_button(
            "Save",
            key=f"{key}.save",
            disabled=not access.current().may_edit,
            on_click=notices.do,
            args=(partial(_save, space, history.id, item, key),),
        )


def _what_is_posted(item: PlannedContent, key: str) -> None:
    snippets.section("What is posted")
    st.text_input("Title", item.title, key=f"{key}.title", max_chars=200)
    st.text_area("Caption", item.caption, key=f"{key}.caption", max_chars=2200)
    a, b, c = st.columns(3)
    a.text_input("Hashtags", " ".join(item.hashtags), key=f"{key}.tags")
    b.date_input("Day", item.scheduled, key=f"{key}.day", format="YYYY-MM-DD")
    kinds = ["image", "video"]
    c.selectbox("Kind", kinds, kinds.index(item.asset_type), format_func=str.capitalize, key=f"{key}.kind")


def _the_scene(scene: Mapping[str, Any], key: str) -> None:
    snippets.section("The scene", below=True)
    for name, label in _LINES.items():
        st.text_input(label, str(scene.get(name) or ""), key=f"{key}.{name}")
    a, b = st.columns(2)
    a.selectbox(
        "Framing",
        _FRAMINGS,
        _FRAMINGS.index(scene.get("framing")),
        format_func=lambda name: words.FRAMINGS[name] if name else "Not said",
        key=f"{key}.framing",
    )
    b.text_input("To avoid", str(scene.get("negative") or ""), key=f"{key}.negative")


def _save(space: Workspace, persona: str, item: PlannedContent, key: str) -> None:
    """Store what the form holds now; keys of the scene that the form does not show stay."""
    asked = {
        name: st.session_state[f"{key}.{name}"]
        for name in ("title", "caption", "tags", "day", "kind", "framing", "negative", *_LINES)
    }
    scene = {**item.scenario_details, **{name: asked[name] for name in ("framing", "negative", *_LINES)}}
    changed = {
        "title": asked["title"],
        "caption": asked["caption"],
        "hashtags": tuple(asked["tags"].split()),
        "scheduled": asked["day"] if isinstance(asked["day"], date) else None,
        "asset_type": asked["kind"],
        "scenario_details": {name: value for name, value in scene.items() if value not in ("", None)},
    }
    _change(space, persona, item.id, changed)


def _change(space: Workspace, persona: str, item_id: str, values: Mapping[str, Any]) -> None:
    """Change an item.

    Raises:
        PersonalabError: A value breaks the plan's rules, or the plan cannot be changed; nothing was.
    """

    def changed(stored: PlannedContent) -> PlannedContent:
        return PlannedContent.model_validate({**stored.model_dump(), **values})

    try:
        space.plan_item(persona, item_id, changed)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise InputError(f"{place}: {problem['msg']}. Nothing was changed.") from None
