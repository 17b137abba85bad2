"""System: what it runs on, where every value comes from; no key is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.jobs import GenerateImagesParams, JobStore, WorkspaceRef
from personalab_core.views.workspace import Workspace
from tests.pages.conftest import OpenPage, answer_of, words_of
from tests.support.workspace_builder import WorkspaceBuilder


def test_it_is_ready_and_says_which_providers_have_no_key(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "sesame-4711")
    at = open_page("system", tmp_path)
    assert not at.exception
    said = words_of(at)
    assert answer_of(at) == "Everything is ready."
    assert "GOOGLE_API_KEY is set" in said
    assert "sesame-4711" not in said
    assert "simface" in said


def test_a_setting_says_where_it_comes_from(open_page: OpenPage, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("evaluation:\n  retry:\n    max_attempts: 7\n")
    at = open_page("system", tmp_path)
    frame = at.dataframe[0].value
    row = frame[frame["key"] == "evaluation.retry.max_attempts"].iloc[0]
    assert (row["value"], row["source"]) == ("7", str(tmp_path / "config.yml"))


def test_a_job_is_listed_with_its_log(
    open_page: OpenPage, builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JobStore(builder.config.paths.jobs, start=lambda *_: 1)
    monkeypatch.setattr(Workspace, "jobs", store)
    reference = WorkspaceRef(folder=str(builder.root), profile="simulated")
    job_id = store.submit(
        "generate_images", GenerateImagesParams(workspace=reference, persona="mara", scenario="cafe_selfie")
    )
    store.log_path(job_id).parent.mkdir(parents=True, exist_ok=True)
    store.log_path(job_id).write_text("first line\nTraceback: it stopped here\n")
    at = open_page("system", builder.root)
    at.session_state["system.jobs"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert "Traceback: it stopped here" in at.code[-1].value or any("it stopped here" in c.value for c in at.code)


def test_storage_is_counted_when_somebody_asks(builder: WorkspaceBuilder) -> None:
    from personalab_core.views.system import build_storage

    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.asset("mara", 0.7)
    storage = build_storage(builder.config)
    assert {label for label, _ in storage.rows} >= {"Pictures and videos", "Thumbnails", "Records"}
    assert "free" in storage.answer
