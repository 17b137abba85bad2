"""Prompts: what is asked for, from which file, and what do the retry patches do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from personalab_core.config import Config
from personalab_core.prompts import (
    PatchCatalogue,
    PromptBuilder,
    PromptOrigin,
    ScenarioSet,
    load_asset_scenarios,
    load_patch_catalogue,
    prompt_origins,
    subject_description,
)
from personalab_core.schemas import Character, FacePart, ImagePrompt, PromptPatch, Reason, VideoPrompt
from personalab_core.views import numbers, words
from personalab_core.views.attempt import diff
from personalab_core.views.patch_effects import Effect, PatchKey, ProviderEffects

CAUTION = (
    "A score after a low one rises by itself: attempts are tried again because they came out low, and the next one "
    "is nearer to the usual level whatever its prompt says (regression to the mean). So compare the patches with each "
    "other and with all retries together, never with zero. Two patches added at once both count."
)


@dataclass(frozen=True, slots=True)
class SceneChoice:
    """One scene that a prompt can be made of."""

    id: str
    name: str
    video: bool


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    """The text a provider gets.

    Attributes:
        parts: The text with what a patch adds marked as new.
        facts: Hashes and files.
    """

    parts: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PatchLevel:
    """One text that a retry may add, and where it comes from."""

    name: str
    level: int
    text: str
    file: str


@dataclass(frozen=True, slots=True)
class Texts:
    """What the prompt files hold: scenes, patches with their files, and per file what is the person's own."""

    scenes: tuple[SceneChoice, ...]
    catalogue: PatchCatalogue
    levels: tuple[PatchLevel, ...]
    files: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class EffectTable:
    """What the patches of one provider have done, ready to print; the first row is all retries together."""

    title: str
    lead: str
    rows: tuple[tuple[str, ...], ...]


EFFECT_COLUMNS = ("Patch", "Retries", "Score before", "Score after", "Change", "Accepted")


def load_texts(config: Config) -> Texts:
    """Return what the prompt files hold.

    Raises:
        ConfigError: One is broken; the message names file and key.
    """
    return Texts(scene_choices(config), load_patch_catalogue(config), patch_levels(config), file_rows(config))


def scene_choices(config: Config) -> tuple[SceneChoice, ...]:
    """Return the scenes, pictures first.

    Raises:
        ConfigError: A prompt file is broken.
    """
    scenarios = load_asset_scenarios(config)
    sets: tuple[tuple[ScenarioSet, str, bool], ...] = (
        (scenarios.image_scenarios, "Picture", False),
        (scenarios.video_scenarios, "Video", True),
    )
    return tuple(
        SceneChoice(f"{what.lower()}:{scene.name}", f"{what}: {scene.title or scene.name}", video)
        for group, what, video in sets
        for scene in group.scenarios
    )


def structured_scene(config: Config, character: Character, scene: SceneChoice) -> ImagePrompt | VideoPrompt:
    """Return a scene with a persona in it, before it becomes text."""
    name = scene.id.partition(":")[2]
    details = _group(config, video=scene.video).scenario(name).model_dump()
    kind = VideoPrompt if scene.video else ImagePrompt
    return kind.from_scenario_details(details, subject_description=subject_description(character))


def show_prompt(
    config: Config,
    character: Character,
    prompt: ImagePrompt | VideoPrompt,
    *,
    scene: SceneChoice | None = None,
    patches: Sequence[PromptPatch] = (),
) -> ShownPrompt:
    """Return the text that a provider gets, what the patches add marked as new.

    Raises:
        ConfigError: The template names an unknown variable.
    """
    video = isinstance(prompt, VideoPrompt)
    group = _group(config, video=video)
    builder = PromptBuilder({"template": group.template, "source": group.source})
    plain = builder.build(prompt, persona=character)
    built = builder.build(prompt, patches=patches, persona=character)
    origin = next(one for one in prompt_origins(config) if one.name == "scenarios.yml")
    facts = [("Prompt hash", built.prompt_hash[:12]), ("Template hash", built.template_hash[:12])]
    facts.append(("Template from", _file(Path(group.source), origin)))
    if scene is not None:
        key = "video_scenarios" if scene.video else "image_scenarios"
        facts.append(("Scene from", _file(origin.file_of(key, "scenarios", scene.id.partition(":")[2]), origin)))
    return ShownPrompt(parts=diff(plain.text, built.text), facts=tuple(facts))


def prompt_fields(prompt: ImagePrompt | VideoPrompt) -> tuple[tuple[str, str], ...]:
    """Return the filled fields of a structured prompt, in words."""
    shown = prompt.model_dump(exclude={"subject_description"})
    rows = ((words.ratio_name(name), value) for name, value in shown.items() if value not in ("", None, False))
    return tuple((label, "yes" if value is True else str(value)) for label, value in rows)


def patches_of(catalogue: PatchCatalogue, key: str, level: int) -> tuple[PromptPatch, ...]:
    """Return the patch of a reason, or of ``parts.<part>``, at a level; nothing if there is none."""
    name = key.removeprefix("parts.")
    part: FacePart | None = next((part for part in catalogue.parts if part == name), None) if name != key else None
    patch = catalogue.part_patch(part, level) if part else catalogue.patch_for(Reason(key), level)
    return (patch,) if patch else ()


def patch_names(catalogue: PatchCatalogue) -> Mapping[str, str]:
    """Return every reason and part that has patches, with what a person calls it."""
    reasons = {reason.value: words.REASONS[reason] for reason in catalogue.texts}
    return {**reasons, **{f"parts.{part}": f"Proportions differ, {part}" for part in catalogue.parts}}


def patch_levels(config: Config) -> tuple[PatchLevel, ...]:
    """Return every text that a retry may add, with the file it comes from.

    Raises:
        ConfigError: A prompt file is broken.
    """
    catalogue = load_patch_catalogue(config)
    origin = next(one for one in prompt_origins(config) if one.name == "retry_patches.yml")
    names = patch_names(catalogue)
    texts = {
        **{r.value: t for r, t in catalogue.texts.items()},
        **{f"parts.{p}": t for p, t in catalogue.parts.items()},
    }
    return tuple(
        PatchLevel(names[key], level, text, _file(origin.file_of(*key.split(".")), origin))
        for key in names
        for level, text in enumerate(texts[key], 1)
    )


def file_rows(config: Config) -> tuple[tuple[str, str, str], ...]:
    """Return per prompt file: its name, what of it is the person's own, and where an own file belongs."""
    return tuple((one.name, ", ".join(one.own_keys) or "nothing", str(one.own)) for one in prompt_origins(config))


def effect_tables(effects: Sequence[ProviderEffects]) -> tuple[EffectTable, ...]:
    """Return what the patches have done, one table per provider and kind of asset."""
    return tuple(_table(one) for one in effects)


def effects_answer(effects: Sequence[ProviderEffects]) -> tuple[str, str]:
    """Return the page's sentence, and the one after it."""
    n = sum(one.every_retry.n for one in effects)
    if not n:
        return (
            "No attempt was tried again yet.",
            "What a retry adds to the prompt stands below; its effect shows later.",
        )
    accepted = sum(one.every_retry.n_accepted for one in effects)
    return (
        f"{numbers.plural(n, 'retry', 'retries')} show what the patches do.".replace("1 retry show", "1 retry shows"),
        f"{numbers.share(accepted, n)} were accepted. A patch is the text that a retry adds, by the reason for it.",
    )


def _table(one: ProviderEffects) -> EffectTable:
    kind = "videos" if one.asset_type == "video" else "pictures"
    rows = [_row("All retries together", one.every_retry)]
    rows += [_row(_patch_name(key), effect) for key, effect in one.patches]
    lead = f"From the newest {numbers.plural(one.every_retry.n, 'retry', 'retries')}, mean of the composite score."
    return EffectTable(f"{words.provider_name(one.provider)}, {kind}", lead, tuple(rows))


def _row(name: str, effect: Effect) -> tuple[str, ...]:
    retries = str(effect.n) if effect.n == effect.n_scored else f"{effect.n}, {effect.n_scored} with scores"
    before, after = (numbers.score(value) for value in (effect.mean_before, effect.mean_after))
    return (name, retries, before, after, _change(effect), numbers.share(effect.n_accepted, effect.n))


def _change(effect: Effect) -> str:
    if effect.change is None:
        return numbers.NOT_MEASURED
    sign = "+" if effect.change >= 0 else numbers.MINUS
    error = f" ± {effect.standard_error:.2f}" if effect.standard_error is not None else ""
    return f"{sign}{abs(effect.change):.2f}{error}"


def _patch_name(key: PatchKey) -> str:
    reason = words.REASONS[Reason(key.reason)]
    return f"{reason}{f', {key.part}' if key.part else ''}, level {key.level}"


def _group(config: Config, *, video: bool) -> ScenarioSet:
    scenarios = load_asset_scenarios(config)
    return scenarios.video_scenarios if video else scenarios.image_scenarios


def _file(path: Path, origin: PromptOrigin) -> str:
    return f"{path.name}, your own" if path == origin.own else f"{path.name}, as shipped"
