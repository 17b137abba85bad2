"""Two worker processes in one workspace never spend more than one day's budget together."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from personalab_core.config import PersonaStore, data_path
from personalab_core.jobs import BatchItem, BatchParams, JobStore, WorkspaceRef
from personalab_core.jobs.resuming import outcomes_of, resume_job
from personalab_core.observability.ledger import SUBMISSIONS_FILE, SubmissionLedger
from personalab_core.schemas import ImagePrompt
from tests.support.counting_vendor import KEY, TERMS, CountingVendor, counting_vendor
from tests.support.fakes import tiny_png
from tests.support.job_waits import wait_until

PERSONA = "daniperez"
N_ASSETS = 6
PER_DAY = 1.0
TERMS_HERE = TERMS["synchronous"]
SETTINGS = f"""
models:
  image: {{provider: gemini, model_name: {TERMS_HERE.model}}}
evaluation:
  embedding: {{backend: stub}}
budget: {{per_day: {PER_DAY}}}
runtime:
  rate_limits: {{gemini: 1000.0}}
"""


@pytest.fixture
def reference(tmp_path: Path) -> WorkspaceRef:
    (tmp_path / "config.yml").write_text(SETTINGS)
    reference = WorkspaceRef(folder=str(tmp_path), config_file=str(tmp_path / "config.yml"))
    paths = reference.load().paths
    PersonaStore(paths.personas).save(PersonaStore(data_path("personas")).get(PERSONA))
    anchor = Path(paths.references) / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
    anchor.parent.mkdir(parents=True)
    anchor.write_bytes(tiny_png(200))
    return reference


def batch(reference: WorkspaceRef, name: str) -> BatchParams:
    prompts = (
        ImagePrompt(subject_description="a woman of 23", action_details=f"holding card {name}{number}")
        for number in range(N_ASSETS)
    )
    items = tuple(BatchItem(persona=PERSONA, prompt=prompt) for prompt in prompts)
    return BatchParams(workspace=reference, name=name, items=items)


def most_ever_counted(book: Path, folder: Path) -> float:
    """The highest sum of the day that anybody who read the account book at any moment could have found."""
    lines, part, found = book.read_bytes().splitlines(keepends=True), folder / "part.jsonl", []
    for n in range(1, len(lines) + 1):
        part.write_bytes(b"".join(lines[:n]))
        found.append(sum(SubmissionLedger(part).spent().by_day.values()))
    return max(found)


def states(store: JobStore, jobs: list[str]) -> list[str]:
    return [wait_until(store, job, lambda job: not job.active).state for job in jobs]


@pytest.mark.slow
def test_two_processes_keep_to_one_budget_and_go_on_with_more(
    reference: WorkspaceRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = reference.load()
    store, book = JobStore(config.paths.jobs), config.paths.output / SUBMISSIONS_FILE
    with counting_vendor(work_s=0.05) as vendor:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", vendor.url)
        monkeypatch.setenv("GOOGLE_API_KEY", KEY)
        jobs = [store.submit("batch", batch(reference, name)) for name in "AB"]
        assert states(store, jobs) == ["paused", "paused"]
        for job in map(store.get, jobs):
            assert job.error is not None
            assert job.error.startswith("BudgetReachedError: The budget is reached")
            assert "budget.per_day is 1 USD" in job.error
            assert "Nothing was sent." in job.error
        check_spending(vendor, book, tmp_path)
        assert SubmissionLedger(book).possibly_paid() == ()

        for job_id in jobs:
            resume_job(config, store, job_id, overrides={"budget.per_day": 10.0})
        assert states(store, jobs) == ["done", "done"]
    assert [outcomes_of(config, store.get(job)) for job in jobs] == [{"unmeasured": N_ASSETS}] * 2
    assert set(vendor.submitted.values()) == {1}, "what was made before the pause is not made again"
    assert len(vendor.submitted) == 2 * N_ASSETS


def check_spending(vendor: CountingVendor, book: Path, folder: Path) -> None:
    """Everything that was asked for was reserved before, at its worst case, within the limit."""
    n_calls = sum(vendor.submitted.values())
    fits = next(n for n in itertools.count() if n * TERMS_HERE.price_usd + TERMS_HERE.worst_case_usd > PER_DAY)
    at_once = int(PER_DAY / TERMS_HERE.worst_case_usd)
    assert (at_once, fits) == (5, 7), "0.1851 x 6 and 0.134 x 7 + 0.1851 are more than 1"
    assert at_once <= n_calls <= fits
    assert most_ever_counted(book, folder) <= PER_DAY + 1e-9
    assert sum(SubmissionLedger(book).spent().by_day.values()) == pytest.approx(n_calls * TERMS_HERE.price_usd)
