"""The form that brings pictures from elsewhere: which ones, compared with whom, by which instrument."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import streamlit as st

from pages.components import access, clicks, loaders, notices, parts, snippets, state, uploads
from personalab_core.errors import PersonalabError
from personalab_core.jobs import EvaluatePicturesParams
from personalab_core.jobs.evaluating import (
    EvaluationFolder,
    count_pictures,
    importable_folders,
    new_evaluation_id,
)
from personalab_core.schemas import Character
from personalab_core.views import numbers
from personalab_core.views.evaluate import past_evaluations
from personalab_core.views.workspace import Workspace

EVALUATION = "evaluation"
TYPES = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"]
MAX_UPLOAD_MB = 20
MAX_UPLOADS = 100
_FROM, _AGAINST = "evaluate.from", "evaluate.against"


def show(space: Workspace) -> None:
    """Show the form and the earlier evaluations."""
    characters = {c.id: c for c in space.characters()}
    with_anchor = {i: c for i, c in characters.items() if space.history(c).anchor is not None}
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head(
            "Evaluate",
            "Bring pictures, and see whether they show the same person.",
            "Made by any tool or camera. They are measured here, and nothing leaves this machine.",
            simulated=space.config.simulates("image"),
        )
    st.space("small")
    a, b = st.columns([7, 5], gap="large")
    with a:
        uploads, folder, n = _pictures(space)
    with b:
        persona, own = _against(with_anchor)
        backend = _instrument(space)
    ready = n > 0 and (persona is not None or own is not None)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        label = f"Measure {numbers.plural(n, 'picture')}" if n else "Measure the pictures"
        if access.button(label, type="primary", key="evaluate.start", disabled=not ready):
            _start(space, uploads, folder, n, persona, own, backend)
    _earlier(space)


def _pictures(space: Workspace) -> tuple[Sequence[Any], str | None, int]:
    """Return the uploaded files or the chosen folder, and how many pictures that is."""
    snippets.section("Which pictures")
    options = [parts.Option("upload", "Upload"), parts.Option("folder", "Folder on the server")]
    if parts.segments(options, key=_FROM, label="Where from")[0] == "folder":
        return (), *_folder(space)
    files = st.file_uploader(
        "Pictures",
        type=TYPES,
        accept_multiple_files=True,
        max_upload_size=MAX_UPLOAD_MB,
        key="evaluate.files",
        label_visibility="collapsed",
    )
    snippets.small(f"At most {MAX_UPLOADS} files of {MAX_UPLOAD_MB} MB. They are stored anew, without their metadata.")
    taken = uploads.within(files, mb=MAX_UPLOAD_MB)[:MAX_UPLOADS]
    return taken, None, len(taken)


def _folder(space: Workspace) -> tuple[str | None, int]:
    folders = importable_folders(space.config)
    if not folders:
        snippets.small(
            f"There is no folder {space.config.paths.imports} yet. Put pictures there, or set paths.imports."
        )
        return None, 0
    name = st.selectbox(
        "Folder",
        folders,
        format_func=lambda folder: str(space.config.paths.imports) if folder == "." else folder,
        key="evaluate.folder",
    )
    n = count_pictures(space.config, name)
    snippets.small(f"{numbers.plural(n, 'picture')} in it and below." if n else "There is no picture in it.")
    return (name if n else None), n


def _against(characters: dict[str, Character]) -> tuple[str | None, Any]:
    """Return the persona to compare with, or the picture that was brought for it."""
    snippets.section("Compared with whom")
    options = [parts.Option("persona", "A persona"), parts.Option("picture", "A picture of my own")]
    if characters and parts.segments(options, key=_AGAINST, label="Compared with")[0] == "persona":
        wanted = state.current_persona(characters)
        ids = list(characters)
        chosen = st.selectbox(
            "Persona",
            ids,
            index=ids.index(wanted),
            format_func=lambda i: characters[i].name,
            key="evaluate.persona",
            label_visibility="collapsed",
        )
        return (chosen if chosen in characters else None), None
    own = st.file_uploader("Picture of one person", type=TYPES, max_upload_size=MAX_UPLOAD_MB, key="evaluate.anchor")
    if not characters:
        snippets.small("No persona has an anchor yet, so a picture to compare with is needed.")
    return None, uploads.one_within(own, mb=MAX_UPLOAD_MB)


def _instrument(space: Workspace) -> str:
    snippets.section("Measured by", below=True)
    configured = space.config.evaluation.embedding
    names = {"arcface": f"ArcFace, {configured.model_name}"}
    if find_spec("dlib") and find_spec("face_recognition_models"):
        names["dlib"] = "dlib, for photographs"
    options = list(names)
    index = options.index(configured.backend) if configured.backend in options else 0
    backend = st.selectbox(
        "Evaluator", options, index=index, format_func=names.get, key="evaluate.backend", label_visibility="collapsed"
    )
    if backend == "arcface" and space.measuring:
        snippets.small(space.measuring)
    return backend if backend in names else configured.backend


def _start(
    space: Workspace,
    uploads: Sequence[Any],
    folder: str | None,
    n: int,
    persona: str | None,
    own: Any,
    backend: str,
) -> None:
    evaluation = EvaluationFolder(space.config.paths.output, new_evaluation_id())
    changed = backend != space.config.evaluation.embedding.backend
    try:
        space.must_edit()
        evaluation.prepare()
        with st.spinner("Storing the pictures."):
            if own is not None:
                evaluation.bring_anchor(own.getvalue(), name=own.name)
            for file in uploads:
                evaluation.bring(file.getvalue(), name=file.name)
        params = EvaluatePicturesParams(
            workspace=space.reference,
            overrides={"evaluation.embedding.backend": backend} if changed else {},
            evaluation=evaluation.id,
            persona=persona,
            folder=folder,
            n_pictures=n,
        )
        if folder is not None or any(record.path for record in evaluation.brought.read().records):
            space.jobs.submit("evaluate_pictures", params)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    st.query_params.from_dict({EVALUATION: evaluation.id})
    st.rerun()


def _earlier(space: Workspace) -> None:
    past = past_evaluations(space.config, now=loaders.now(), zone=loaders.zone())
    if not past:
        return
    snippets.section("Earlier", below=True)
    for one in past:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            if clicks.button(f"{one.when}", key=f"evaluate.past.{one.id}"):
                st.query_params.from_dict({EVALUATION: one.id})
                st.rerun()
            snippets.small(one.line)
