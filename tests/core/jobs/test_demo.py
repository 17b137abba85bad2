"""The example workspace: generated on the spot, once, and never over something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from personalab_core.config import Config
from personalab_core.errors import InputError
from personalab_core.jobs import DemoHistoryParams, JobStore, WorkspaceRef
from personalab_core.jobs.control import JobCancelledError
from personalab_core.jobs.demo import EXAMPLES as PERSONAS
from personalab_core.jobs.demo import MARKER, prepare_demo
from personalab_core.jobs.demo_story import StoryClock, fill_demo
from personalab_core.jobs.studio import Studio
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.schemas import AttemptRecord
from personalab_core.views.record_index import RecordIndex

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Bar:
    """Collects what is reported; asks to stop after a number of items."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.reported: list[tuple[int, str]] = []
        self.stop_at = stop_at

    def report(self, done: int, message: str) -> None:
        self.reported.append((done, message))

    def should_stop(self) -> bool:
        return self.stop_at is not None and bool(self.reported) and self.reported[-1][0] >= self.stop_at


def without_worker(path: Path) -> JobStore:
    return JobStore(path, start=lambda store, job_id, log: 1)


def fill(folder: Path, bar: Bar) -> str:
    reference = WorkspaceRef(folder=str(folder), profile="simulated")
    params = DemoHistoryParams(
        workspace=reference,
        until=NOW,
        assets_per_history=3,
        assets_of_drifting=3,
        assets_of_new=1,
        n_candidates=2,
        picture_size_px=240,
    )
    return fill_demo(Studio(reference.load(), job_id="demojob"), params, bar)


def attempts(folder: Path) -> dict[str, list[AttemptRecord]]:
    config: Config = WorkspaceRef(folder=str(folder)).load()
    log = GenerationMetricsLogger(config.paths.output)
    return {persona: log.read_log(persona) for persona in PERSONAS}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bar, str]:
    """An example that was stopped after the anchors and one asset, and then gone on with."""
    folder = tmp_path_factory.mktemp("demo") / "example"
    prepare_demo(folder, clock=lambda: NOW, open_store=without_worker)
    with pytest.raises(JobCancelledError):
        fill(folder, Bar(stop_at=3 * 7 + 1))
    bar = Bar()
    return folder, bar, fill(folder, bar)


def test_three_personas_with_anchors_and_a_history(filled: tuple[Path, Bar, str]) -> None:
    folder, bar, message = filled
    assert message == "3 personas, 7 assets"
    assert bar.reported[-1][0] == 3 * (2 + 1 + 4) + 7
    assert [done for done, _ in bar.reported] == sorted(done for done, _ in bar.reported)
    for persona in PERSONAS:
        anchors = folder / "references" / persona / "anchors"
        assert (anchors / f"{persona}_anchor_frontal_neutral.png").is_file()
        assert len(list((anchors / "candidates").glob("*.png"))) == 2
    ended = {persona: [r for r in log if r.final] for persona, log in attempts(folder).items()}
    assert {persona: len(log) for persona, log in ended.items()} == dict(zip(PERSONAS, (3, 3, 1), strict=True))


def test_the_history_lies_in_the_past_months_in_order(filled: tuple[Path, Bar, str]) -> None:
    log = attempts(filled[0])["daniperez"]
    times = [record.timestamp for record in log]
    assert times == sorted(times)
    assert times[0] > NOW - timedelta(days=90)
    assert NOW - timedelta(minutes=20) < times[-1] < NOW
    assert times[-1] - times[0] > timedelta(days=30)


def test_every_record_says_that_it_is_simulated_and_from_which_job(filled: tuple[Path, Bar, str]) -> None:
    records = [record for log in attempts(filled[0]).values() for record in log]
    assert all(record.context.simulated and record.context.profile == "simulated" for record in records)
    assert {record.context.job_id for record in records} == {"demojob"}


def test_filling_again_adds_nothing(filled: tuple[Path, Bar, str]) -> None:
    folder = filled[0]

    def state() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in sorted(folder.rglob("*")) if file.is_file()}

    before = state()
    fill(folder, Bar())
    assert state() == before


def test_preparing_again_starts_no_second_job(tmp_path: Path) -> None:
    first = prepare_demo(tmp_path / "example", clock=lambda: NOW, open_store=without_worker)
    assert "generated now" in first.sentence
    first.store.finish(first.job_id, "done", message="")
    again = prepare_demo(tmp_path / "example", clock=lambda: NOW, open_store=without_worker)
    assert again.job_id == first.job_id
    assert again.state == "done"
    assert "nothing was added" in again.sentence
    assert len(again.store.list()) == 1


def test_a_stopped_example_is_gone_on_with(tmp_path: Path) -> None:
    first = prepare_demo(tmp_path / "example", clock=lambda: NOW, open_store=without_worker)
    first.store.finish(first.job_id, "cancelled", message="")
    again = prepare_demo(tmp_path / "example", clock=lambda: NOW, open_store=without_worker)
    assert again.job_id == first.job_id
    assert again.sentence.startswith("Going on")


@pytest.mark.parametrize("content", ["personas/mara.yml", "config.yml", "holiday.jpg"])
def test_a_folder_that_is_no_example_is_never_touched(tmp_path: Path, content: str) -> None:
    file = tmp_path / content
    file.parent.mkdir(exist_ok=True)
    file.write_text("name: Mara")
    with pytest.raises(InputError, match="nothing was touched"):
        prepare_demo(tmp_path, clock=lambda: NOW, open_store=without_worker)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize(
    ("marked", "profile", "sentence"), [(False, "simulated", "not an example"), (True, "default", "'simulated' only")]
)
def test_a_job_fills_only_an_example_and_only_by_simulation(
    tmp_path: Path, marked: bool, profile: str, sentence: str
) -> None:
    if marked:
        (tmp_path / MARKER).touch()
    reference = WorkspaceRef.model_validate({"folder": str(tmp_path), "profile": profile})
    with pytest.raises(InputError, match=sentence):
        fill_demo(Studio(reference.load()), DemoHistoryParams(workspace=reference, until=NOW), Bar())


def test_an_empty_folder_becomes_an_example(tmp_path: Path) -> None:
    start = prepare_demo(tmp_path, clock=lambda: NOW, open_store=without_worker)
    assert (tmp_path / MARKER).is_file()
    assert {file.stem for file in (tmp_path / "personas").glob("*.yml")} == set(PERSONAS)
    params = DemoHistoryParams.model_validate_json(start.store.get(start.job_id).params_json)
    assert params.until == NOW
    assert params.workspace.profile == "simulated"


def test_a_folder_on_which_the_dashboard_was_only_opened_counts_as_empty(tmp_path: Path) -> None:
    output = tmp_path / "generated_content"
    without_worker(output / "jobs.sqlite3").reconcile()
    RecordIndex(output / "index.sqlite3").close()
    assert any(output.iterdir())
    start = prepare_demo(tmp_path, clock=lambda: NOW, open_store=without_worker)
    assert (tmp_path / MARKER).is_file()
    assert start.state == "queued"


def test_the_storys_clock_never_goes_back() -> None:
    clock = StoryClock(NOW)
    clock.jump(NOW - timedelta(days=1))
    first = clock()
    assert first > NOW
    clock.jump(NOW + timedelta(days=1))
    assert clock() > NOW + timedelta(days=1) > first
