"""Personas: who are they, and what prompt comes out?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalab_core.config import Config
from personalab_core.prompts import PromptBuilder, load_anchor_templates, load_asset_scenarios, subject_description
from personalab_core.schemas import Character, ImagePrompt
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.pictures import Picture


@dataclass(frozen=True, slots=True)
class PersonaState:
    """What a card needs to know of a persona beside its description."""

    picture: Picture | None
    has_anchor: bool
    n_accepted: int
    n_attempts: int


@dataclass(frozen=True, slots=True)
class PersonaCard:
    """One persona in the list."""

    id: str
    name: str
    line: str
    mark: words.Mark
    note: str
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class PersonasView:
    """The list of personas. ``archived`` are out of the way and lose nothing."""

    answer: str
    detail: str
    cards: tuple[PersonaCard, ...]
    archived: tuple[PersonaCard, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PromptPreview:
    """What a persona turns into: the phrase, and the prompts that hold it, each with its name."""

    subject: str
    prompts: tuple[tuple[str, str], ...]


def persona_state(history: PersonaHistory) -> PersonaState:
    """Return what the list says of a persona beside its description."""
    tally = history.attempts.tally
    return PersonaState(history.anchor_picture, history.anchor is not None, tally.n_accepted, tally.n)


def build_personas_view(
    personas: Sequence[tuple[Character, PersonaState]], *, problems: Sequence[str] = ()
) -> PersonasView:
    """Return the list of personas, archived ones apart."""
    present = [pair for pair in personas if not pair[0].archived]
    archived = [pair for pair in personas if pair[0].archived]
    answer, detail = _sentences(present, len(archived))
    return PersonasView(
        answer=answer,
        detail=detail,
        cards=tuple(_card(*pair) for pair in present),
        archived=tuple(_card(*pair) for pair in archived),
        problems=tuple(problems),
    )


def _card(character: Character, state: PersonaState) -> PersonaCard:
    mark = words.Mark("accept", "Has an anchor") if state.has_anchor else words.Mark("unmeasured", "No anchor yet")
    if character.archived:
        mark = words.Mark("unmeasured", "Archived")
    tried = f"{numbers.count(state.n_accepted)} accepted of {numbers.count(state.n_attempts)} tried"
    return PersonaCard(
        id=character.id,
        name=character.name,
        line=", ".join(part for part in (character.vibe, character.location) if part),
        mark=mark,
        note=tried if state.n_attempts else "No picture yet",
        picture=state.picture,
    )


def _sentences(present: Sequence[tuple[Character, PersonaState]], n_archived: int) -> tuple[str, str]:
    kept = f" {numbers.spelled(n_archived)} archived." if n_archived else ""
    if not present:
        return "No persona yet. The first one takes about two minutes.", (
            "A persona is a name and a look in words. Next it gets an anchor picture, and every picture after that "
            f"is measured against it.{kept}"
        )
    n, anchored = len(present), sum(state.has_anchor for _, state in present)
    personas = "persona" if n == 1 else "personas"
    if anchored == n:
        having = "with an anchor" if n == 1 else "all with an anchor"
    elif not anchored:
        having = "no anchor yet"
    else:
        having = f"{numbers.spelled(anchored).lower()} with an anchor"
    return f"{numbers.spelled(n)} {personas}, {having}.", f"Open one to change its look or to see its prompt.{kept}"


def build_preview(config: Config, character: Character) -> PromptPreview:
    """Return the prompts that a persona's description turns into, with the templates in force.

    Args:
        config: Says where the workspace's own templates are.
        character: The persona as it is typed now; need not be saved.

    Raises:
        ConfigError: A template is broken; the message names file and key.
    """
    subject = subject_description(character)
    frontal = load_anchor_templates(config)["frontal"]
    prompt = ImagePrompt(subject_description=subject, framing=frontal.framing)
    anchor = PromptBuilder(frontal).build(prompt, persona=character)
    images = load_asset_scenarios(config).image_scenarios
    shown = [("The first anchor candidate", anchor.text)]
    if images.scenarios:
        scene = images.scenarios[0]
        wanted = ImagePrompt.from_scenario_details(scene, subject_description=subject)
        built = PromptBuilder(images).build(wanted, persona=character)
        shown.append((f"A picture: {(scene.title or scene.name).lower()}", built.text))
    return PromptPreview(subject, tuple(shown))
