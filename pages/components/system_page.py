"""What the program runs on: checks, providers, settings, models, storage, jobs with their logs."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
import streamlit as st

from pages.components import clicks, frame, loaders, parts, snippets
from personalab_core.views import words
from personalab_core.views.costs import HEADINGS
from personalab_core.views.system import SystemView, build_system_view, read_log, started
from personalab_core.views.workspace import Workspace

WHICH = "system.settings"
JOBS = 200


def show(space: Workspace) -> None:
    """Show the page."""
    names = {character.id: character.name for character in space.characters()}
    view = build_system_view(space.config, loaders.checks(online=False), space.jobs.list(limit=JOBS), names=names)
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with left:
        snippets.head("System", view.answer, view.detail, simulated=space.simulated)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        asked = clicks.button("Run the checks", type="primary", key="system.checks", help=_ONLINE)
    st.space("small")
    if asked:
        with st.spinner("Asking the providers that have a key."):
            loaders.check_again()
            _answers(build_system_view(space.config, loaders.checks(online=True), (), names={}))
    _providers(view)
    _checks(view)
    a, b = st.columns(2, gap="large")
    with a:
        _models()
    with b:
        _storage()
        _costs()
    _jobs(space, view)
    _settings(view)


_ONLINE = "Looks again, and asks each configured provider whose key is set about its model. Costs nothing."


def _answers(view: SystemView) -> None:
    st.info(f"{view.answer} Looked at just now, providers asked.")


def _providers(view: SystemView) -> None:
    snippets.section("Providers", "Keys come from the environment or the file .env and are never shown.")
    rows = [
        (words.provider_name(row.name), row.mark, row.key, row.used_for or "not in use", row.prices)
        for row in view.providers
    ]
    snippets.block(snippets.table(("Provider", "", "Key", "Serves", "Prices"), rows))


def _checks(view: SystemView) -> None:
    open_ones = [(subject, mark, found) for mark, subject, found in view.checks if mark.kind == "watch"]
    if open_ones:
        snippets.section("To do", below=True)
        snippets.block(snippets.table(("What", "", "Found"), open_ones))
    with st.expander(f"All {len(view.checks)} checks"):
        rows = [(subject, mark, found) for mark, subject, found in view.checks]
        snippets.block(snippets.table(("What", "", "Found"), rows))


def _models() -> None:
    rows, problems = loaders.models()
    lead = "They turn a face into numbers; the checksum says exactly which ones."
    snippets.section("Face models", lead, below=True)
    for problem in problems:
        st.error(problem)
    for pack in dict.fromkeys(row.pack for row in rows):
        own = [row for row in rows if row.pack == pack]
        listed = [(f"{row.file}, {row.size}", f"sha256 {row.sha256[:16]}") for row in own]
        snippets.block(snippets.named(pack, own[0].licence), snippets.facts(listed))
    if rows:
        with st.expander("Whole checksums"):
            st.code("\n".join(f"{row.sha256}  {row.file}" for row in rows), language=None)


def _storage() -> None:
    snippets.section("Storage", below=True)
    box = st.expander("What the workspace takes on the disk", key="system.storage", on_change="rerun")
    if box.open:
        with box:
            storage = loaders.storage()
            snippets.small(f"{storage.answer}.")
            snippets.block(snippets.facts(storage.rows))


def _costs() -> None:
    snippets.section("Costs", below=True)
    box = st.expander("What generation has cost", key="system.costs", on_change="rerun")
    if box.open:
        with box:
            view = loaders.costs()
            snippets.small(view.answer)
            for rows, of in ((view.personas, "Persona"), (view.providers, "Provider")):
                if rows:
                    snippets.block(snippets.table((of, *HEADINGS[1:]), rows))


@frame.fragment(of="part")
def _jobs(space: Workspace, view: SystemView) -> None:
    snippets.section("Jobs", "Choose one to read its log." if view.jobs else "No job has been started yet.", below=True)
    if not view.jobs:
        return
    now, zone = loaders.now(), loaders.zone()
    frame = pd.DataFrame([{**asdict(row), "started": started(row.started, now=now, zone=zone)} for row in view.jobs])
    event = st.dataframe(
        frame,
        hide_index=True,
        key="system.jobs",
        on_select="rerun",
        selection_mode="single-row",
        column_order=["what", "state", "progress", "started", "took", "said"],
        column_config={
            "what": "Job",
            "state": "State",
            "progress": "Done",
            "started": "Started",
            "took": "Took",
            "said": "Last said",
        },
        height=min(38 + 35 * len(frame), 360),
        alt=f"Table of {len(frame)} jobs, newest first",
    )
    chosen = [n for n in event["selection"]["rows"] if isinstance(n, int) and 0 <= n < len(view.jobs)]
    if chosen:
        job = view.jobs[chosen[0]]
        text = read_log(space.jobs.log_path(job.id))
        snippets.section(f"Log of {job.what.lower()}", f"Job {job.id}, {job.state.lower()}.", below=True)
        st.code(text or "Nothing was written.", language=None, height=300)


@frame.fragment(of="part")
def _settings(view: SystemView) -> None:
    changed = [row for row in view.settings if row.changed]
    snippets.section("Settings in force", "Where a value comes from stands beside it; a later layer wins.", below=True)
    options = [parts.Option("changed", f"Changed ({len(changed)})"), parts.Option("all", f"All ({len(view.settings)})")]
    which = parts.segments(options, key=WHICH, label="Which settings")[0]
    shown = changed if which == "changed" else list(view.settings)
    if not shown:
        snippets.small("Every setting is the shipped default.")
    else:
        frame = pd.DataFrame([asdict(row) for row in shown])
        st.dataframe(
            frame,
            hide_index=True,
            column_order=["key", "value", "source"],
            column_config={"key": "Setting", "value": "Value", "source": "Comes from"},
            height=min(38 + 35 * len(frame), 460),
            alt=f"Table of {len(frame)} settings with their sources",
        )
    with st.expander("Layers, the last one wins"):
        snippets.block(snippets.facts(view.layers))
