"""Many assets of one job: made at the same time, paused when only a person can help, gone on with afterwards."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import Config, PersonaStore, data_path
from personalab_core.errors import AnchorMissingError, AuthenticationError, PersonalabError, ProviderTimeoutError
from personalab_core.jobs import BatchItem, BatchParams, GenerateImagesParams, JobStore, WorkspaceRef
from personalab_core.jobs.control import JobCancelledError, JobPausedError
from personalab_core.jobs.plan import batch_of, read_plan
from personalab_core.jobs.resuming import outcomes_of, resume_job
from personalab_core.jobs.studio import Studio
from personalab_core.jobs.work import generate_images, run_batch
from personalab_core.observability.ledger import MIN_FREE_BYTES
from personalab_core.prompts import load_asset_scenarios
from personalab_core.schemas import AssetOutcome, VideoPrompt
from tests.support.disks import nearly_full_disk, read_only, small_disk
from tests.support.fakes import FakeLLMClient, tiny_png
from tests.support.loop_fakes import FakeEvaluator

PERSONA = "daniperez"
PICTURE_USD = 1.0
"""What a call counts as whose price is not known."""


@dataclass
class Reports:
    """Collects what a job reports; asks it to stop after ``stop_after`` reports."""

    said: list[tuple[int, str]] = field(default_factory=list)
    stop_after: int | None = None

    def report(self, done: int, message: str) -> None:
        self.said.append((done, message))

    def should_stop(self) -> bool:
        return self.stop_after is not None and len(self.said) > self.stop_after


@pytest.fixture
def reference(tmp_path: Path) -> WorkspaceRef:
    """A workspace with one persona and its anchor, of a provider that costs money."""
    (tmp_path / "config.yml").write_text(
        "models:\n  image: {provider: openai, model_name: unpriced-1}\nruntime:\n  rate_limits: {openai: 1000.0}\n"
    )
    reference = WorkspaceRef(folder=str(tmp_path), config_file=str(tmp_path / "config.yml"))
    paths = reference.load().paths
    PersonaStore(paths.personas).save(PersonaStore(data_path("personas")).get(PERSONA))
    anchor = Path(paths.references) / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
    anchor.parent.mkdir(parents=True)
    anchor.write_bytes(tiny_png(200))
    return reference


def config_of(reference: WorkspaceRef, **overrides: Any) -> Config:
    return reference.load({f"budget.{name}": value for name, value in overrides.items()})


def studio(config: Config, client: FakeLLMClient, evaluator: Any = None) -> Studio:
    """A studio of job ``0123``, as a process of its own builds it."""
    return Studio(
        config, job_id="0123", client=client, evaluator=evaluator or FakeEvaluator(), sleeper=lambda _seconds: None
    )


def images(reference: WorkspaceRef, n: int) -> GenerateImagesParams:
    return GenerateImagesParams(workspace=reference, persona=PERSONA, scenario="studio_portrait", n_assets=n)


def test_assets_are_named_after_the_job_and_carry_its_id(reference: WorkspaceRef) -> None:
    client, reports = FakeLLMClient(provider="openai"), Reports()
    made = studio(config_of(reference), client)
    results = generate_images(made, images(reference, 3), reports)
    assert [result.job_id for result in results] == ["0123-000", "0123-001", "0123-002"]
    records = made.metrics_logger.read_log(PERSONA)
    assert {record.context.job_id for record in records} == {"0123"}
    assert {record.scenario for record in records} == {"studio_portrait"}
    assert reports.said[0] == (0, "0 of 3 made, 0 accepted")
    assert reports.said[-1] == (3, "3 of 3 made, 3 accepted")
    assert sorted(record.asset_seed or 0 for record in records) == [0, 1, 2]


def test_a_job_that_reaches_its_budget_pauses_and_goes_on_with_more(reference: WorkspaceRef) -> None:
    client = FakeLLMClient(provider="openai")
    with pytest.raises(JobPausedError, match=r"BudgetReachedError: The budget is reached.*budget\.per_run"):
        generate_images(studio(config_of(reference, per_run=2.5), client), images(reference, 5), Reports())
    assert len(client.requests) == 2, "2 of 1 USD each fit into 2.5"
    results = generate_images(studio(config_of(reference, per_run=5.0), client), images(reference, 5), Reports())
    assert [result.outcome for result in results] == [AssetOutcome.ACCEPTED] * 5
    assert len(client.requests) == 5


def test_a_full_disk_pauses_and_nothing_is_paid_twice(reference: WorkspaceRef) -> None:
    client = FakeLLMClient(provider="openai")
    made = studio(config_of(reference), client)
    generate_images(made, images(reference, 1), Reports())
    limit = made.ledger.path.stat().st_size + 100
    with nearly_full_disk(max_file_bytes=limit), pytest.raises(JobPausedError, match="WorkspaceError: Cannot write"):
        generate_images(studio(config_of(reference), client), images(reference, 3), Reports())
    assert len(client.requests) == 1, "what cannot be written down is not sent"
    results = generate_images(studio(config_of(reference), client), images(reference, 3), Reports())
    assert [result.accepted for result in results] == [True] * 3
    assert len(client.requests) == 3
    assert made.metrics_logger.journal(PERSONA).verify().ok


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="mounts and modes are of POSIX systems")
def test_a_read_only_workspace_pauses_before_anything_is_sent(reference: WorkspaceRef) -> None:
    client, made = FakeLLMClient(provider="openai"), studio(config_of(reference), FakeLLMClient(provider="openai"))
    generate_images(made, images(reference, 1), Reports())
    with (
        read_only(Path(reference.load().paths.output)),
        pytest.raises(JobPausedError, match=r"WorkspaceError: Cannot write .*submissions\.jsonl.*read-only"),
    ):
        generate_images(studio(config_of(reference), client), images(reference, 3), Reports())
    assert client.requests == []
    results = generate_images(studio(config_of(reference), client), images(reference, 3), Reports())
    assert [result.accepted for result in results] == [True] * 3
    assert len(client.requests) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="mounts are of POSIX systems")
def test_a_disk_that_fills_up_pauses_and_loses_nothing(reference: WorkspaceRef) -> None:
    """A real file system: what can no longer be stored for certain is not asked for, so nothing paid is lost."""
    client, config = FakeLLMClient(provider="openai"), reference.load()
    output = Path(config.paths.output)
    output.mkdir(parents=True, exist_ok=True)
    with small_disk(output, size_kib=MIN_FREE_BYTES // 1024 + 400):
        made = studio(config, client)
        with pytest.raises(JobPausedError, match=r"The disk is full: 3\d\.\d MiB are free .* Nothing was sent\."):
            generate_images(made, images(reference, 60), Reports())
        n_sent = len(client.requests)
        assert 1 <= n_sent < 60
        assert made.metrics_logger.journal(PERSONA).verify().ok
        accepted = [r for r in made.metrics_logger.read_log(PERSONA) if r.outcome is AssetOutcome.ACCEPTED]
        assert len(accepted) == n_sent, "everything that was sent is on record"
        subprocess.run(["mount", "-o", "remount,size=64m", str(output)], check=True)
        results = generate_images(studio(config, client), images(reference, 60), Reports())
    assert [result.accepted for result in results] == [True] * 60
    assert len(client.requests) == 60, "what was answered before the disk was full is not asked for again"


def test_an_evaluator_that_breaks_on_one_picture_leaves_the_others_alone(reference: WorkspaceRef) -> None:
    client = FakeLLMClient(provider="openai")
    evaluator = FakeEvaluator((0.8, ZeroDivisionError(), 0.8))
    made = studio(reference.load({"runtime.max_concurrent_jobs": 1}), client, evaluator)
    results = generate_images(made, images(reference, 2), Reports())
    assert [result.outcome for result in results] == [AssetOutcome.ACCEPTED, AssetOutcome.UNMEASURED]
    again = generate_images(studio(config_of(reference), client), images(reference, 2), Reports())
    assert [result.accepted for result in again] == [True, True]
    assert len(client.requests) == 2, "its picture was there already"


def test_a_provider_that_fails_for_good_ends_the_job(reference: WorkspaceRef) -> None:
    client = FakeLLMClient([AuthenticationError("wrong key", provider="openai")], provider="openai")
    made = studio(reference.load({"runtime.max_concurrent_jobs": 1}), client)
    results = generate_images(made, images(reference, 4), Reports())
    assert [result.outcome for result in results] == [AssetOutcome.FAILED, *[AssetOutcome.CANCELLED] * 3]
    assert len(client.requests) == 1


def test_what_may_have_been_paid_does_not_hold_up_the_others(reference: WorkspaceRef) -> None:
    lost = ProviderTimeoutError("no answer", provider="openai")
    client = FakeLLMClient([lost, tiny_png()], provider="openai")
    one_at_a_time = reference.load({"runtime.max_concurrent_jobs": 1})
    for _ in range(2):
        results = generate_images(studio(one_at_a_time, client), images(reference, 3), Reports())
        assert [r.outcome for r in results] == [AssetOutcome.FAILED, AssetOutcome.ACCEPTED, AssetOutcome.ACCEPTED]
        assert [result.possibly_paid for result in results] == [True, False, False]
    assert len(client.requests) == 3


def test_a_wish_to_stop_ends_the_job_and_resuming_makes_the_rest(reference: WorkspaceRef) -> None:
    client = FakeLLMClient(provider="openai")
    one_at_a_time = reference.load({"runtime.max_concurrent_jobs": 1})
    with pytest.raises(JobCancelledError):
        generate_images(studio(one_at_a_time, client), images(reference, 4), Reports(stop_after=2))
    assert 0 < len(client.requests) < 4
    generate_images(studio(one_at_a_time, client), images(reference, 4), Reports())
    assert len(client.requests) == 4


def test_without_an_anchor_nothing_is_begun(reference: WorkspaceRef) -> None:
    (Path(reference.load().paths.references) / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png").unlink()
    client = FakeLLMClient(provider="openai")
    with pytest.raises(AnchorMissingError):
        generate_images(studio(config_of(reference), client), images(reference, 2), Reports())
    assert client.requests == []


def plan_of(reference: WorkspaceRef, text: str) -> BatchParams:
    path = Path(str(reference.folder)) / "plan.yml"
    path.write_text(text)
    config = reference.load()
    return batch_of(read_plan(path), reference, PersonaStore(config.paths.personas), load_asset_scenarios(config))


PLAN = """
name: Launch week
persona: daniperez
seed: 100
budget: {per_run: 5}
assets:
  - scenarios: [cafe_selfie, studio_portrait]
    n: 2
  - prompt: {action_details: reading, framing: half_body}
    seed: 500
"""


def test_a_plan_is_one_item_per_scenario_and_prompt(reference: WorkspaceRef) -> None:
    params = plan_of(reference, PLAN)
    assert (params.title, params.n_items, params.persona_id) == ("Launch week", 5, PERSONA)
    assert [(item.scenario, item.n, item.seed) for item in params.items] == [
        ("cafe_selfie", 2, 100),
        ("studio_portrait", 2, 102),
        (None, 1, 500),
    ]
    assert params.overrides == {"budget.per_run": 5.0}
    assert params.items[2].prompt is not None
    assert params.items[2].prompt.framing == "half_body"
    assert BatchParams.model_validate_json(params.model_dump_json()) == params


def test_a_plan_may_ask_for_videos(reference: WorkspaceRef) -> None:
    params = plan_of(
        reference,
        "assets:\n  - {persona: daniperez, asset_type: video, prompt: {action_details: walking, duration_s: 4}}\n",
    )
    assert params.items[0].prompt == VideoPrompt(
        subject_description=params.items[0].prompt.subject_description,  # type: ignore[union-attr]
        action_details="walking",
        duration_s=4,
    )
    assert BatchParams.model_validate_json(params.model_dump_json()) == params


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("assets: [{persona: daniperez}]", "names no scenario and no prompt"),
        ("assets: [{persona: daniperez, scenario: cafe_selfi}]", "cafe_selfie"),
        ("assets: [{persona: nobody, scenario: cafe_selfie}]", "nobody"),
        ("assets: [{scenario: cafe_selfie}]", r"assets\.0\.persona"),
        ("persona: daniperez\nassets: [{scenario: cafe_selfie, n: 0}]", r"assets\.0\.n"),
        ("persona: daniperez\nassets: [{scenario: cafe_selfie, colour: red}]", r"assets\.0\.colour"),
        ("persona: daniperez\nassets: []", "assets"),
        ("persona: daniperez\nassets: [{prompt: {framing: moon}}]", r"prompt\.framing"),
        ("budget: {per_year: 1}\npersona: daniperez\nassets: [{scenario: cafe_selfie}]", r"budget\.per_year"),
    ],
)
def test_a_plan_that_cannot_be_is_named_by_its_place(reference: WorkspaceRef, text: str, sentence: str) -> None:
    with pytest.raises(PersonalabError, match=sentence):
        plan_of(reference, text)


def test_a_batch_makes_its_items_in_order(reference: WorkspaceRef) -> None:
    client = FakeLLMClient(provider="openai")
    made = studio(config_of(reference), client)
    results = run_batch(made, plan_of(reference, PLAN), Reports())
    assert [result.seed for result in results] == [100, 101, 102, 103, 500]
    assert all(result.accepted for result in results)
    by_asset = {record.asset_id: record.scenario for record in made.metrics_logger.read_log(PERSONA)}
    assert [by_asset[f"0123-{i:03d}"] for i in range(5)] == ["cafe_selfie"] * 2 + ["studio_portrait"] * 2 + [None]


def test_a_stopped_job_resumes_with_more_budget_and_with_leave(reference: WorkspaceRef) -> None:
    config = config_of(reference)
    store = JobStore(config.paths.jobs, start=lambda *_: os.getpid())
    item = BatchItem(persona=PERSONA, scenario="studio_portrait")
    job_id = store.submit("batch", BatchParams(workspace=reference, items=(item,), overrides={"budget.per_run": 1.0}))
    lost = ProviderTimeoutError("no answer", provider="openai")
    client = FakeLLMClient([lost, tiny_png()], provider="openai")
    params = BatchParams.model_validate_json(store.get(job_id).params_json)

    def work() -> None:
        job = BatchParams.model_validate_json(store.get(job_id).params_json)
        made = Studio(job.workspace.load(job.overrides), job_id=job_id, client=client, evaluator=FakeEvaluator())
        run_batch(made, params, Reports())

    work()
    assert outcomes_of(config, store.get(job_id)) == {"failed": 1}
    store.finish(job_id, "failed", message="")
    resumed = resume_job(config, store, job_id, overrides={"budget.per_run": 2.0}, repeat_possibly_paid=True)
    assert resumed.state == "queued"
    work()
    assert outcomes_of(config, store.get(job_id)) == {"accepted": 1}
    assert len(client.requests) == 2


def test_a_paused_job_says_so_and_resumes(reference: WorkspaceRef) -> None:
    store = JobStore(reference.load().paths.jobs, start=lambda *_: os.getpid())
    job_id = store.submit("generate_images", images(reference, 1))
    store.finish(job_id, "paused", message="paused", error="BudgetReachedError: the budget is reached.")
    job = store.get(job_id)
    assert (job.resumable, job.active, job.error) == (True, False, "BudgetReachedError: the budget is reached.")
    assert store.resume(job_id).state == "queued"
