"""The list of personas, with import."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.components import access, clicks, dialogs, notices, parts, snippets, uploads
from personalab_core.config.personas import persona_from_yaml
from personalab_core.errors import PersonalabError
from personalab_core.views import numbers
from personalab_core.views.personas import PersonasView, build_personas_view, persona_state
from personalab_core.views.workspace import Workspace

EDIT, COPY_OF, NEW = "edit", "copy", "new"
MAX_IMPORT_MB = 1
MAX_IMPORTS = 50


def show(space: Workspace) -> None:
    """Show everyone as cards; a card opens its form."""
    everyone = sorted(space.personas.list(include_archived=True), key=lambda c: c.name.casefold())
    states = [(character, persona_state(space.history(character))) for character in everyone]
    view = build_personas_view(states, problems=space.personas.problems)
    _head(space, view)
    opened = parts.roster(view.cards, key="personas.list") if view.cards else None
    if view.archived:
        with st.expander(f"{numbers.plural(len(view.archived), 'persona')} archived"):
            opened = parts.roster(view.archived, key="personas.archived") or opened
    if opened:
        open_form(opened)
    notices.show_problems(view.problems)


def open_form(persona: str, **address: str) -> None:
    """Open the form of a persona, or of a new one."""
    dialogs.close()
    st.query_params.from_dict({EDIT: persona, **address})
    st.rerun()


def _head(space: Workspace, view: PersonasView) -> None:
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head("Personas", view.answer, view.detail, simulated=space.simulated)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        dialogs.opener("Import YAML", "personas.import")
        label = "Create a persona" if view.cards else "Create the first persona"
        if access.button(label, type="primary", key="personas.create"):
            open_form(NEW)
    dialogs.show("personas.import", "Import personas", partial(_import, space))
    st.space("small")


def _import(space: Workspace) -> None:
    snippets.small("One persona a file, as the export writes it. A persona that is there already is never replaced.")
    files = st.file_uploader(
        "YAML files",
        type=["yml", "yaml"],
        accept_multiple_files=True,
        max_upload_size=MAX_IMPORT_MB,
        key="personas.files",
        label_visibility="collapsed",
    )
    files = uploads.within(files, mb=MAX_IMPORT_MB)
    if not files or not access.button(
        f"Import {numbers.plural(len(files), 'file')}", type="primary", key="personas.take"
    ):
        return
    added, refused = [], []
    for file in files[:MAX_IMPORTS]:
        try:
            character = persona_from_yaml(file.getvalue(), source=file.name)
            space.personas.add(character)
            added.append(character.name)
        except PersonalabError as error:
            refused.append(str(error))
    if added:
        st.success(f"Added {numbers.listing(added)}.")
    for sentence in refused:
        st.error(f"{sentence} Nothing was stored from it.")
    if added and clicks.button("Show them", key="personas.imported"):
        dialogs.close()
        st.rerun()
