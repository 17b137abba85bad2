"""The form of one persona: every field checked as it is typed, and the prompt it turns into beside it."""

from __future__ import annotations

import streamlit as st

from pages.components import access, clicks, dialogs, frame, snippets, state
from pages.components.personas_page import COPY_OF, NEW, open_form
from personalab_core.config.personas import persona_to_yaml
from personalab_core.errors import PersonalabError, UnknownPersonaError
from personalab_core.schemas import Character
from personalab_core.views import words
from personalab_core.views.persona_form import (
    FIELDS,
    CheckedDraft,
    PersonaDraft,
    check_draft,
    draft_of,
    suggested_id,
)
from personalab_core.views.personas import build_preview
from personalab_core.views.workspace import Workspace

_HINTS = {
    "name": "such as Daniela Perez",
    "vibe": "such as Lifestyle and urban chic",
    "location": "such as Lima, Peru",
    "content_pillars": "such as\nSustainable fashion\nPeruvian food",
    "age_range": "such as 23",
    "gender": "such as female",
    "skin_tone": "such as medium brown",
    "eye_color": "such as dark brown",
    "hair_color": "such as dark brown",
    "hair_length": "such as long",
    "hair_style": "such as softly wavy, side parting",
    "features": "such as\nhigh cheekbones\nsmall mole beside the mouth",
    "more": "such as\nface_shape: oval\neyes:\n  shape: almond",
}


def show(space: Workspace, wanted: str, copy_of: str | None) -> None:
    """Show the form of the persona named in the address, or of a new one."""
    try:
        before = None if wanted == NEW else space.personas.get(wanted)
        pattern = space.personas.get(copy_of) if wanted == NEW and copy_of else before
    except PersonalabError as error:
        what = "This persona is not here." if isinstance(error, UnknownPersonaError) else "This persona cannot be read."
        snippets.head("Personas", what, str(error), simulated=space.simulated)
        if clicks.button("All personas", key="personas.back"):
            _leave()
        return
    _Form(space, before, pattern, key=f"personas.form.{wanted}.{copy_of or ''}").show()


def _leave() -> None:
    st.query_params.clear()
    st.rerun()


class _Form:
    """One form. ``before`` is the persona as it was read when the form was opened, ``None`` for a new one."""

    def __init__(self, space: Workspace, before: Character | None, pattern: Character | None, *, key: str) -> None:
        self.space = space
        self.key = key
        opened = st.session_state.setdefault(f"{key}.before", before)
        self.before: Character | None = opened
        self.taken = {path.stem for path in space.personas.folder.glob("*.yml")} if before is None else set()
        self._seed(self.before or pattern, copied=before is None and pattern is not None)

    def _seed(self, pattern: Character | None, *, copied: bool) -> None:
        draft = draft_of(pattern) if pattern else PersonaDraft()
        for name in FIELDS:
            value = getattr(draft, name)
            if copied and name in {"name", "id"}:
                value = f"{draft.name} 2" if name == "name" else ""
            st.session_state.setdefault(f"{self.key}.{name}", value)

    def show(self) -> None:
        """Show the page; a fragment, so that typing reruns nothing else."""
        frame.fragment()(self._draw)()

    def _draw(self) -> None:
        draft = PersonaDraft(**{name: str(st.session_state.get(f"{self.key}.{name}") or "") for name in FIELDS})
        archived = self.before.archived if self.before else False
        checked = check_draft(
            draft, taken=self.taken, persona_id=self.before.id if self.before else None, archived=archived
        )
        self._head(draft, checked)
        fields, preview = st.columns([7, 5], gap="large")
        with fields:
            self._fields(draft, checked)
        with preview:
            self._preview(checked)

    def _head(self, draft: PersonaDraft, checked: CheckedDraft) -> None:
        left, right = st.columns([6, 5], vertical_alignment="bottom", gap="medium")
        with left:
            answer, detail = self._sentences(draft, checked)
            eyebrow = f"Persona {self.before.name}" if self.before else "New persona"
            snippets.head(eyebrow, answer, detail, simulated=self.space.simulated)
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if clicks.button("All personas", key="personas.back"):
                _leave()
            if self.before:
                self._actions(self.before)
            changed = checked.character is not None and checked.character != self.before
            first = words.first_name(draft.name) or "persona"
            label = "Save changes" if self.before else f"Create {first}"
            if access.button(label, type="primary", key="personas.save", disabled=not changed) and checked.character:
                self._save(checked.character)
        st.space("small")

    def _sentences(self, draft: PersonaDraft, checked: CheckedDraft) -> tuple[str, str]:
        if self.before is None:
            after = "After this the anchor pictures are made, and then the first picture."
            if not draft.name.strip():
                return "Who is it?", f"A name is enough to begin; the look decides the pictures. {after}"
            if checked.character is None:
                return "Something in the form is not right yet.", "It is said below the field."
            return f"{words.first_name(draft.name)} can be created.", after
        if checked.character is None:
            return (
                "Something in the form is not right yet.",
                "It is said below the field. Nothing is stored until then.",
            )
        if checked.character != self.before:
            anchored = "Pictures and records so far stay as they are; new ones follow the new look."
            return "There are changes that are not saved.", anchored
        kept = "Archived: it is left out on the other pages." if self.before.archived else ""
        return f"This is how {words.first_name(self.before.name)} is described.", kept or "Change a field to edit it."

    def _actions(self, before: Character) -> None:
        if clicks.button("Duplicate", key="personas.duplicate"):
            open_form(NEW, **{COPY_OF: before.id})
        clicks.download(
            "Export YAML",
            persona_to_yaml(before).encode(),
            file_name=f"{before.id}.yml",
            mime="application/yaml",
            key="personas.export",
        )
        if before.archived:
            if access.button("Restore", key="personas.restore"):
                self.space.personas.restore(before.id)
                self._done()
        else:
            dialogs.opener("Archive", "personas.archive")
            dialogs.show("personas.archive", f"Archive {words.first_name(before.name)}", self._archive)

    def _archive(self) -> None:
        if self.before is None:
            return
        first = words.first_name(self.before.name)
        snippets.small(
            f"{first} is left out on all pages and offered for no new run. Pictures, records and the description "
            "are kept, running jobs go on, and Restore brings everything back."
        )
        if access.button(f"Archive {first}", type="primary", key="personas.archive_now"):
            self.space.personas.archive(self.before.id)
            self._done()

    def _save(self, character: Character) -> None:
        try:
            if self.before is None:
                self.space.personas.add(character)
            else:
                self.space.personas.replace(self.before, character)
        except PersonalabError as error:
            st.error(str(error))
            return
        if self.before is None:
            self._forget()
            state.go("anchors", character.id)
        self._done()

    def _done(self) -> None:
        dialogs.close()
        self._forget()
        _leave()

    def _forget(self) -> None:
        for name in (*FIELDS, "before"):
            st.session_state.pop(f"{self.key}.{name}", None)

    def _fields(self, draft: PersonaDraft, checked: CheckedDraft) -> None:
        snippets.section("Who")
        a, b = st.columns(2)
        with a:
            self._line("Name", "name", checked, max_chars=120)
        with b:
            if self.before:
                st.text_input("Id", self.before.id, disabled=True, key=f"{self.key}.fixed_id", help=_ID_STAYS)
            else:
                self._line("Id", "id", checked, hint=suggested_id(draft.name, self.taken), max_chars=64, help_=_ID_HELP)
        a, b = st.columns(2)
        with a:
            self._line("Vibe", "vibe", checked, max_chars=400)
        with b:
            self._line("Location", "location", checked, max_chars=200)
        self._lines("Content pillars, one a line", "content_pillars", checked, rows=3)
        snippets.section("Look", "These words go into every prompt.", below=True)
        for row in (
            (("Age", "age_range"), ("Gender", "gender"), ("Skin", "skin_tone")),
            (("Eye colour", "eye_color"), ("Hair colour", "hair_color"), ("Hair length", "hair_length")),
        ):
            for column, (label, name) in zip(st.columns(3), row, strict=True):
                with column:
                    self._line(label, name, checked, max_chars=200)
        self._line("Hair style", "hair_style", checked, max_chars=200)
        self._lines("Distinctive features, one a line", "features", checked, rows=4)
        self._lines("More of the look, as YAML", "more", checked, rows=4)

    def _line(
        self, label: str, name: str, checked: CheckedDraft, *, max_chars: int, hint: str = "", help_: str | None = None
    ) -> None:
        placeholder = hint or _HINTS.get(name, "")
        st.text_input(
            label, max_chars=max_chars, placeholder=placeholder, live=True, key=f"{self.key}.{name}", help=help_
        )
        self._problem(name, checked)

    def _lines(self, label: str, name: str, checked: CheckedDraft, *, rows: int) -> None:
        st.text_area(label, height=28 + 24 * rows, max_chars=4000, placeholder=_HINTS[name], key=f"{self.key}.{name}")
        self._problem(name, checked)

    def _problem(self, name: str, checked: CheckedDraft) -> None:
        sentence = checked.problems.get(name)
        # An empty form is not a mistake yet.
        touched = name != "name" or self.before is not None or any(st.session_state[f"{self.key}.{n}"] for n in FIELDS)
        if sentence and touched:
            snippets.field_problem(sentence)

    def _preview(self, checked: CheckedDraft) -> None:
        if checked.character is None:
            snippets.section("The prompt", "It appears here as soon as every field is right.")
            return
        preview = build_preview(self.space.config, checked.character)
        snippets.section("The prompt it turns into", "In bold what comes from this persona; the rest is the template.")
        for title, text in preview.prompts:
            snippets.block(snippets.marked(title, text, preview.subject))


_ID_STAYS = "The id names files and records; it stays for ever."
_ID_HELP = "Names the files and records of this persona and stays for ever. Left empty, it is made from the name."
