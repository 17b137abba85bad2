"""The prompt of a scene, the patches of retries with what they have done, and the files they come from."""

from __future__ import annotations

import streamlit as st

from pages.components import access, notices, snippets, state
from personalab_core.errors import PersonalabError
from personalab_core.schemas import Character, ImagePrompt, VideoPrompt
from personalab_core.views import prompts
from personalab_core.views.patch_effects import patch_effects
from personalab_core.views.workspace import Workspace

OWN = "own"
_NONE = ""


def show(space: Workspace) -> None:
    """Show the page."""
    characters = {c.id: c for c in space.characters()}
    space.records.refresh(list(characters))
    effects = patch_effects(space.records.index, list(characters))
    # All texts are read before anything is drawn: a broken file is one sentence in place of the page.
    texts = prompts.load_texts(space.config)
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head("Prompts", *prompts.effects_answer(effects), simulated=space.simulated)
    st.space("small")
    tables = prompts.effect_tables(effects)
    if tables:
        snippets.section("What each patch has done so far", prompts.CAUTION)
        for table in tables:
            snippets.block(snippets.named(table.title, table.lead), snippets.table(prompts.EFFECT_COLUMNS, table.rows))
        snippets.small("± is the standard error of the mean change. Differences smaller than it say nothing.")
        st.space("small")
    if characters:
        with right:
            persona = state.chosen_persona({i: c.name for i, c in characters.items()})
        _prompt(space, characters[persona or next(iter(characters))], texts)
    _patches(texts)
    _files(texts)


def _prompt(space: Workspace, character: Character, texts: prompts.Texts) -> None:
    snippets.section("The prompt a scene turns into", f"For {character.name}. What a patch adds is underlined.")
    a, b = st.columns([5, 7], gap="large")
    scenes = {scene.id: scene for scene in texts.scenes}
    with a:
        chosen = st.selectbox(
            "Scene",
            [*scenes, OWN],
            format_func=lambda name: scenes[name].name if name in scenes else "Write my own",
            key="prompts.scene",
        )
        scene = scenes.get(chosen)
        prompt = prompts.structured_scene(space.config, character, scene) if scene else _own(space, character)
        names = prompts.patch_names(texts.catalogue)
        key = st.selectbox(
            "Retry because",
            [_NONE, *names],
            format_func=lambda name: names.get(name, "First attempt, no patch"),
            key="prompts.patch",
        )
        level = st.number_input("Level", 1, 9, 1, key="prompts.level", disabled=not key)
    if prompt is None:
        return
    patches = prompts.patches_of(texts.catalogue, key, level) if key in names else ()
    shown = prompts.show_prompt(space.config, character, prompt, scene=scene, patches=patches)
    with a:
        snippets.block(snippets.facts(shown.facts))
    with b:
        snippets.block(snippets.diff(shown.parts))
        if scene is None:
            snippets.section("How it was understood", below=True)
            snippets.block(snippets.facts(prompts.prompt_fields(prompt)))


def _own(space: Workspace, character: Character) -> ImagePrompt | VideoPrompt | None:
    """Show the free request and return what was understood of it; ``None`` until something is written."""
    text = st.text_area(
        "Your request",
        key="prompts.request",
        placeholder="Selfie in a cafe, smiling, soft window light",
        max_chars=2000,
    )
    video = st.selectbox("For", ["A picture", "A video"], key="prompts.kind") == "A video"
    provider = space.config.provider("text")
    asked = access.button(f"Ask {provider} instead of the rules", key="prompts.ask", disabled=not text.strip())
    if not text.strip():
        return None
    kept = st.session_state.get("prompts.asked")
    about = (character.id, text, video)
    try:
        if asked:
            with st.spinner("Asking for the fields."):
                kept = (about, space.write_prompt(character, text, video=video, ask=True))
            st.session_state["prompts.asked"] = kept
        if kept and kept[0] == about:
            answered: ImagePrompt | VideoPrompt = kept[1]
            return answered
        return space.write_prompt(character, text, video=video, ask=False)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return None


def _patches(texts: prompts.Texts) -> None:
    with st.expander("Every patch, with its text and its file"):
        rows = [(f"{one.name}, level {one.level}", one.text, one.file) for one in texts.levels]
        snippets.block(snippets.table(("Patch", "What it adds", "From"), rows))


def _files(texts: prompts.Texts) -> None:
    with st.expander("Texts of your own"):
        snippets.small(
            "A file of the same name in your prompts folder lies over the shipped one, key by key; a list is replaced "
            "as a whole."
        )
        snippets.block(snippets.table(("File", "Your own", "Where it belongs"), texts.files))
