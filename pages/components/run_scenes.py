"""What a run is to show: scenes from the list, and one in a person's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from pydantic import JsonValue

from pages.components import snippets
from personalab_core.jobs import BatchItem
from personalab_core.prompts import Scenario, subject_description
from personalab_core.schemas import Framing, ImagePrompt, VideoPrompt
from personalab_core.views import words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.run_choice import Modality
from personalab_core.views.workspace import Workspace

OWN = "own"
MAX_SCENES = 12
_DESCRIBED = 3
_VIDEO = "video:"
_KINDS = {"image": "A picture", "video": "A video"}


@dataclass(frozen=True, slots=True)
class OwnScene:
    """A scene in a person's own words; ``ask`` says whether the text provider takes it apart."""

    text: str
    kind: Modality
    framing: Framing
    ask: bool

    def prompt(
        self, space: Workspace, history: PersonaHistory, overrides: Mapping[str, JsonValue]
    ) -> ImagePrompt | VideoPrompt:
        """Return the structured prompt of it; ``overrides`` are the settings of the run.

        Raises:
            PersonalabError: The text provider was asked and failed, or the person may only look.
        """
        video = self.kind == "video"
        if not video and not self.ask:
            subject = subject_description(history.character)
            return ImagePrompt(subject_description=subject, action_details=self.text, framing=self.framing)
        made = space.write_prompt(history.character, self.text, video=video, ask=self.ask, overrides=overrides)
        return made if video else made.model_copy(update={"framing": self.framing})


@dataclass(frozen=True, slots=True)
class Scenes:
    """What was chosen. ``own`` is ``None`` if no own scene was, or if nothing is written yet."""

    items: tuple[BatchItem, ...]
    own: OwnScene | None
    n: int
    ready: bool

    def n_of(self, kind: Modality) -> int:
        """Return how many scenes are pictures, or videos."""
        listed = sum(item.asset_type == kind for item in self.items)
        return listed + (self.own is not None and self.own.kind == kind)


def choose(space: Workspace, history: PersonaHistory) -> Scenes:
    """Show what can be chosen and return what is."""
    known: dict[str, Scenario] = {scene.name: scene for scene in space.scenarios.scenarios}
    known |= {_VIDEO + scene.name: scene for scene in space.video_scenarios.scenarios}
    snippets.section("What is to be seen", "One scene, several, or one in your own words.")
    options = [*known]
    options.insert(1, OWN)
    chosen = st.multiselect(
        "Scenes",
        options,
        default=options[:1],
        format_func=lambda name: _title(name, known),
        key="generate.scenes",
        max_selections=MAX_SCENES,
        label_visibility="collapsed",
        placeholder="Choose a scene",
    )
    listed = [name for name in chosen if name in known]
    for name in listed[:_DESCRIBED]:
        snippets.small(f"{_title(name, known)}: {_about(known[name])}.")
    items = tuple(_item(history.id, name) for name in listed)
    own = _own() if OWN in chosen else None
    n = len(items) + (OWN in chosen)
    return Scenes(items, own, n, ready=bool(n) and (own is not None or OWN not in chosen))


def _title(name: str, known: dict[str, Scenario]) -> str:
    if name not in known:
        return "Write my own"
    title = known[name].title or known[name].name
    return f"Video: {title}" if name.startswith(_VIDEO) else title


def _about(scene: Scenario) -> str:
    framing = words.FRAMINGS.get(scene.framing or "", "")
    return ", ".join(part for part in (framing, scene.action_details, scene.location_details) if part)


def _item(persona: str, name: str) -> BatchItem:
    if name.startswith(_VIDEO):
        return BatchItem(persona=persona, asset_type="video", scenario=name.removeprefix(_VIDEO))
    return BatchItem(persona=persona, scenario=name)


def _own() -> OwnScene | None:
    """Show the fields of an own scene; ``None`` until something is written."""
    text = st.text_area(
        "Your scene",
        key="generate.text",
        placeholder="Buying oranges at a market stall in the morning, soft side light",
        max_chars=2000,
    )
    a, b = st.columns(2)
    kind: Modality = a.selectbox("It is", list(_KINDS), format_func=_KINDS.get, key="generate.kind") or "image"
    framings: list[Framing] = ["headshot", "half_body", "full_body"]
    framing: Framing = (
        b.selectbox(
            "Framing", framings, format_func=words.FRAMINGS.get, key="generate.framing", disabled=kind == "video"
        )
        or "headshot"
    )
    ask = st.checkbox(
        "Let the text provider sort it into place, light and mood",
        key="generate.ask",
        help="One call before the run. Without it your words go into the prompt as they are.",
    )
    written = text.strip()
    return OwnScene(written, kind, framing, ask) if written else None
