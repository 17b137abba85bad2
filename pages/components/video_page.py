"""One video: anchor and frame, player with its curves, frame strip, what was measured, and the other attempts."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import frame, parts, snippets, state, video_form, video_parts
from personalab_core.jobs.videos import read_brought, read_measured
from personalab_core.schemas import AttemptRecord
from personalab_core.views import words
from personalab_core.views.faces import anchor_side
from personalab_core.views.film_frames import frame_side
from personalab_core.views.films import MeasuredFilm, film_of_attempt, film_of_check, video_attempts
from personalab_core.views.history import PersonaHistory
from personalab_core.views.video import Take, VideoView, build_video_view, take_of
from personalab_core.views.video_facts import Fact
from personalab_core.views.workspace import Workspace

_SELECTED = "video.frame"


def show(space: Workspace) -> None:
    """Show the video that the address names, else the newest one of the persona, else how to get one."""
    characters = {c.id: c for c in space.characters()}
    if not characters:
        snippets.head(
            "Video", "No persona yet.", "Make one first; a video is compared with its anchor.", simulated=False
        )
        return
    check = state.address(video_form.CHECK)
    if check and _show_check(space, check):
        return
    persona = state.current_persona(characters)
    history = space.history(characters[persona])
    attempts = video_attempts(history)
    wanted = state.address(state.ATTEMPT)
    attempt = next((a for a in attempts if a.attempt_id == wanted), None) or next(iter(attempts), None)
    film = film_of_attempt(space, history, attempt) if attempt else None
    if film is None or attempt is None:
        video_form.show_empty(space, history)
        return
    view = build_video_view(history, film, takes=_takes(space, history, attempts, attempt))
    _show(space, history, film, view)


def _show_check(space: Workspace, check_id: str) -> bool:
    """Show a video from elsewhere; False if the address names none."""
    output = space.config.paths.output
    brought = read_brought(output, check_id)
    character = next((c for c in space.characters() if brought and c.id == brought.persona), None)
    if brought is None or character is None:
        return False
    history, found = space.history(character), read_measured(output, check_id)
    if found is None:
        video_form.show_measuring(space, brought)
    else:
        film = film_of_check(space, history, brought, found)
        _show(space, history, film, build_video_view(history, film))
    return True


def _takes(
    space: Workspace, history: PersonaHistory, attempts: Sequence[AttemptRecord], shown: AttemptRecord
) -> tuple[Take, ...]:
    """Return the attempts at the same video, first one first."""
    of_asset = sorted((a for a in attempts if a.asset_id == shown.asset_id), key=lambda a: a.attempt)
    films = [(a, film_of_attempt(space, history, a)) for a in of_asset]
    return tuple(take_of(a, f.report, current=a.attempt_id == shown.attempt_id) for a, f in films if f is not None)


def _show(space: Workspace, history: PersonaHistory, film: MeasuredFilm, view: VideoView) -> None:
    left, right = st.columns([6, 5], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head(
            view.eyebrow,
            view.answer,
            view.detail,
            simulated=view.simulated,
            mark=view.mark,
            picture=history.anchor_picture,
        )
    with right:
        video_form.actions(space, history)
    st.space("small")

    @frame.fragment(of="part")
    def stage() -> None:
        _stage(history, film, view)

    stage()
    _facts(view)
    if len(view.takes) > 1:
        _compare_takes(view)


def _stage(history: PersonaHistory, film: MeasuredFilm, view: VideoView) -> None:
    """Show anchor, frame, player and strip; a frame chosen in one of them is shown in all."""
    key = f"{_SELECTED}.{film.sha256[:12]}"
    selected = st.session_state.get(key, view.opens_at)
    a, b = st.columns([5, 6], gap="large")
    with b:
        snippets.section(
            view.finding,
            "Each frame is compared with the anchor, never with the frame before. Click a point or a frame.",
        )
        picked = video_parts.film(view, key=f"video.film.{film.sha256[:12]}", selected=selected)
    picked_below = video_parts.strip(view, key=f"video.strip.{film.sha256[:12]}", selected=selected)
    chosen = picked if picked is not None else picked_below
    if chosen is not None and chosen != selected:
        st.session_state[key] = chosen
        selected = chosen
    with a:
        side = frame_side(film, selected)
        parts.compare([anchor_side(history, hot=side.hot), side], key=f"video.compare.{film.sha256[:12]}")


def _facts(view: VideoView) -> None:
    a, b, c = st.columns(3, gap="large")
    for column, title, facts in ((a, "Identity", view.identity), (b, "Coverage", view.coverage)):
        with column:
            snippets.section(title)
            snippets.block(_listed(facts))
    with c:
        snippets.section("Picture quality")
        snippets.block(_listed(view.quality))
        if view.advice:
            snippets.block(snippets.note("Advice.", f"{view.advice} {view.advice_why}"))
    snippets.small(words.UNCALIBRATED)


def _listed(facts: Sequence[Fact]) -> str:
    return snippets.explained((fact.label, fact.mark or fact.value, fact.means) for fact in facts)


def _compare_takes(view: VideoView) -> None:
    snippets.section(
        "All attempts at this video",
        "Their scores over time, on the same axes; the dashed line is what the decision asks for.",
        below=True,
    )
    opened = video_parts.takes(view.takes, key="video.takes", accept=view.accept)
    if opened:
        st.query_params[state.ATTEMPT] = opened
        st.rerun()
