"""How a video comes to the page: made by a job, or brought from elsewhere and measured by one."""

from __future__ import annotations

import streamlit as st

from pages.components import access, clicks, frame, model_choice, notices, rows, snippets, state, uploads
from personalab_core.errors import PersonalabError
from personalab_core.jobs import BatchItem, BatchParams, EvaluateVideoParams, Job
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.videos import BroughtVideo, bring_video
from personalab_core.views.history import PersonaHistory
from personalab_core.views.run_choice import Order, estimate, model_overrides
from personalab_core.views.video import videos_under_way
from personalab_core.views.workspace import Workspace

CHECK = "clip"
TYPES = ["mp4", "mov", "m4v", "webm", "mkv", "avi"]
MAX_UPLOAD_MB = 200


def actions(space: Workspace, history: PersonaHistory) -> None:
    """Show the choice of a persona, and how to get another video."""
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        _persona(space)
        with st.popover("Measure a file"):
            _upload(space, history)
        with st.popover("Generate a video", type="primary"):
            _generate(space, history)
    _under_way(space, history)


def show_empty(space: Workspace, history: PersonaHistory) -> None:
    """Say that there is no video yet, and offer both ways to one."""
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head(
            f"Video of {history.name}",
            f"No video of {history.first_name} yet.",
            "A video is made like a picture, and every fifth of a second of it is compared with the anchor.",
            simulated=space.config.simulates("video"),
            picture=history.anchor_picture,
        )
    with right:
        _persona(space)
    st.space("small")
    a, b = st.columns(2, gap="large")
    with a:
        snippets.section("Make one", "A job makes it, and tries again until every moment shows the person.")
        _generate(space, history)
    with b:
        snippets.section("Bring one", "From any tool or camera. It is measured here, and nothing leaves this machine.")
        _upload(space, history)
    _under_way(space, history)


def show_measuring(space: Workspace, brought: BroughtVideo) -> None:
    """Follow the measuring of a video that was brought."""
    snippets.head(
        "Video", f"{brought.name} is being measured.", "You can close this page; it goes on.", simulated=False
    )

    @frame.fragment(of="part", every_s=rows.LIVE_EVERY_S)
    def follow() -> None:
        job = _job_of(space, brought)
        if job is None or job.active:
            return
        if job.state == "done":
            st.rerun()
        notices.show_error(f"{brought.name} could not be measured.", job.error or job.message or "The job stopped.")

    follow()
    if clicks.button("All videos", key="video.back"):
        _leave()


def _job_of(space: Workspace, brought: BroughtVideo) -> Job | None:
    jobs = (job for job in space.jobs.list(limit=200) if job.kind == "evaluate_video")
    return next((job for job in jobs if brought.id in job.params_json), None)


def _persona(space: Workspace) -> None:
    before = state.address(state.PERSONA)
    chosen = state.chosen_persona({c.id: c.name for c in space.characters()})
    if before is not None and chosen != before:
        _leave()


def _leave() -> None:
    for name in (CHECK, state.ATTEMPT):
        st.query_params.pop(name, None)
    st.rerun()


def _generate(space: Workspace, history: PersonaHistory) -> None:
    scenes = {scene.name: scene.title for scene in space.video_scenarios.scenarios}
    scenario = st.selectbox("Scene", list(scenes), format_func=lambda name: scenes[name] or name, key="video.scene")
    seed = st.number_input("Seed", min_value=0, value=0, step=1, key="video.seed", help="Equal seeds, equal videos.")
    choice = model_choice.choose(space, "video", key="video.provider")
    snippets.small(estimate(history, [Order(choice, 1, space.config.evaluation.retry.max_attempts)]).sentence)
    ready = history.anchor is not None and bool(scenes)
    if not ready:
        snippets.small(f"{history.first_name} has no anchor yet.")
    if access.button("Generate the video", key="video.generate", disabled=not ready) and scenario:
        item = BatchItem(persona=history.id, asset_type="video", scenario=scenario, seed=int(seed))
        overrides = model_overrides(space.config, [choice])
        name = f"Video of {history.id}"
        params = BatchParams(workspace=space.reference, name=name, items=(item,), overrides=overrides)
        try:
            space.jobs.submit("batch", params)
        except PersonalabError as error:
            notices.show_refusal(str(error))
            return
        _leave()


def _upload(space: Workspace, history: PersonaHistory) -> None:
    file = st.file_uploader(
        "Video", type=TYPES, max_upload_size=MAX_UPLOAD_MB, key="video.file", label_visibility="collapsed"
    )
    file = uploads.one_within(file, mb=MAX_UPLOAD_MB)
    if history.anchor is None:
        snippets.small(f"{history.first_name} has no anchor yet.")
        return
    wanted = access.button(f"Compare with {history.first_name}", key="video.measure", disabled=file is None)
    if not wanted or file is None:
        return
    try:
        space.must_edit()
        brought = bring_video(Studio(space.config), history.id, file.getvalue(), name=file.name)
        params = EvaluateVideoParams(workspace=space.reference, check=brought.id, persona=history.id, name=brought.name)
        space.jobs.submit("evaluate_video", params)
    except PersonalabError as error:
        notices.show_refusal(str(error))
        return
    st.query_params[CHECK] = brought.id
    st.rerun()


def _under_way(space: Workspace, history: PersonaHistory) -> None:
    """Follow the videos of a persona that are being made."""
    if not videos_under_way(space, history):
        return

    @frame.fragment(of="part", every_s=rows.LIVE_EVERY_S)
    def follow() -> None:
        runs = videos_under_way(space, history)
        if not any(run.active for run in runs):
            st.rerun()
        rows.show_runs(runs, space.jobs)

    follow()
