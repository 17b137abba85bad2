"""A worker killed in the middle of filming or measuring: its job resumes, pays nothing twice and keeps every file."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("av")

from personalab_core.config import PersonaStore, data_path
from personalab_core.identity import DriftTracker
from personalab_core.identity.frame_extractor import FrameExtractor
from personalab_core.jobs import BatchParams, GenerateAnchorsParams, JobStore, WorkspaceRef
from personalab_core.jobs.params import BatchItem
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.observability.ledger import SUBMISSIONS_FILE
from personalab_core.orchestration import RegistryWriter, read_report
from personalab_core.schemas import AssetOutcome, SubmissionRecord, VideoPrompt
from tests.support.job_waits import wait_until

PERSONA = "daniperez"
N_VIDEOS = 6
"""More than are made at once: when the first is stored, others have only just begun."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX systems"),
]


@pytest.fixture
def reference(tmp_path: Path) -> WorkspaceRef:
    """A simulated workspace whose persona has an anchor."""
    reference = WorkspaceRef(folder=str(tmp_path), profile="simulated")
    config = reference.load()
    PersonaStore(config.paths.personas).save(PersonaStore(data_path("personas")).get(PERSONA))
    store = JobStore(config.paths.jobs)
    params = GenerateAnchorsParams(workspace=reference, persona=PERSONA, n_candidates=2, kinds=())
    made = store.submit("generate_anchors", params)
    assert wait_until(store, made, lambda job: not job.active).state == "done"
    return reference


def events(output: Path, event: str) -> list[SubmissionRecord]:
    """What the account book says of calls for videos, in order."""
    journal = Journal(output / SUBMISSIONS_FILE, SubmissionRecord)
    return [r for r in journal.read().records if r.event == event and r.asset_type == "video"]


@pytest.mark.parametrize("moment", ["filming", "measuring"])
def test_a_killed_video_job_resumes_without_paying_twice(reference: WorkspaceRef, moment: str) -> None:
    config = reference.load()
    output, store = config.paths.output, JobStore(config.paths.jobs)
    prompt = VideoPrompt(subject_description="a woman of 23", framing="headshot", duration_s=1)
    item = BatchItem(persona=PERSONA, asset_type="video", prompt=prompt, n=N_VIDEOS, seed=4)
    job_id = store.submit("batch", BatchParams(workspace=reference, items=(item,)))
    videos = output / PERSONA / "videos"

    def is_in_the_middle() -> bool:
        sent, stored = len(events(output, "submitted")), len(list(videos.glob("*.mp4")))
        reports = len(list(videos.glob("*.json")))
        return sent > stored >= 1 if moment == "filming" else stored > reports >= 1

    running = wait_until(store, job_id, lambda job: is_in_the_middle() or not job.active)
    assert running.active, "no work was left to be killed in"
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    assert wait_until(store, job_id, lambda job: not job.active).state == "lost"
    store.resume(job_id)
    ended = wait_until(store, job_id, lambda job: not job.active)
    assert (ended.state, ended.done, ended.run) == ("done", N_VIDEOS, 2)
    check(output, job_id)


def check(output: Path, job_id: str) -> None:
    log = GenerationMetricsLogger(output)
    records = [r for r in log.read_log(PERSONA) if r.asset_type == "video"]
    finals = [r.asset_id for r in records if r.final and r.outcome is not AssetOutcome.CANCELLED]
    assert sorted(finals) == [f"{job_id}-{index:03d}" for index in range(N_VIDEOS)], "each video ended exactly once"
    sent = Counter(r.attempt_id for r in events(output, "submitted"))
    sent.subtract(r.attempt_id for r in events(output, "refused"))  # a seeded 503 is rightly asked again
    assert set(sent.values()) == {1}, "something was submitted twice"
    assert len({r.attempt_id for r in records}) == len(records)
    for record in records:
        if record.video is None or record.video.report_path is None:
            continue
        clip = output / record.video.video_path
        assert hashlib.sha256(clip.read_bytes()).hexdigest() == record.video.video_sha256
        assert len(FrameExtractor().extract(clip)) == len(
            read_report(output / record.video.report_path).identity.frames
        )
    accepted = [r.asset_id for r in records if r.outcome is AssetOutcome.ACCEPTED]
    assert [r.asset_id for r in RegistryWriter(output).read(PERSONA)] == accepted
    measured = [r.attempt_id for r in records if r.scores.composite is not None]
    timeline = DriftTracker(output / "drift").read(PERSONA)
    assert [r.attempt_id for r in timeline if r.asset_type == "video"] == measured
    assert log.journal(PERSONA).verify().ok
    assert not [p for p in (output / PERSONA / "videos").iterdir() if p.suffix == ".tmp"], "half-written files stay"
