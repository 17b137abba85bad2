"""Killed at any moment, a batch loses no accepted asset and pays nothing twice."""

from __future__ import annotations

import multiprocessing
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from personalab_core.identity import DriftTracker
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.observability.ledger import SUBMISSIONS_FILE, SubmissionLedger
from personalab_core.orchestration import RegistryWriter
from personalab_core.schemas import AssetOutcome, SubmissionRecord
from tests.support.counting_vendor import TERMS, CountingVendor, VendorKind, counting_vendor
from tests.support.crash_worker import ANNOUNCED, RunnerKind, work
from tests.support.fakes import tiny_png
from tests.support.loop_fakes import PERSONA

N_KILLS_PER_VENDOR = 25
N_JOBS = 160
LATEST_STEP = 85
"""Of the connections made and files of the workspace opened until the kill: about five attempts."""
LATEST_S = 0.06
"""After the first new submission."""

MOST_IN_DOUBT_PER_KILL: dict[VendorKind, int] = {"synchronous": 3, "jobs": 1, "films": 2}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork servers are of POSIX systems"),
]


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Processes that start with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.crash_worker"])
    return context


@pytest.mark.parametrize("vendor_kind", ["synchronous", "jobs", "films"])
def test_killed_at_random_moments_it_loses_nothing_and_pays_nothing_twice(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext, vendor_kind: VendorKind
) -> None:
    anchor = tmp_path / "references" / PERSONA / "anchors" / f"{PERSONA}_anchor_frontal_neutral.png"
    anchor.parent.mkdir(parents=True)
    anchor.write_bytes(tiny_png(200))
    chance = random.Random(f"kills-{vendor_kind}")
    n_killed = 0
    with counting_vendor(work_s=0.004) as vendor:
        while n_killed < N_KILLS_PER_VENDOR:
            runner: RunnerKind = chance.choice(["sync", "async"]) if vendor_kind != "films" else "async"
            # Half of the moments are steps into the system, half are on the clock.
            die_at = chance.randint(1, LATEST_STEP) if n_killed % 2 else None
            process = processes.Process(
                target=work, args=(str(tmp_path), vendor.url, vendor_kind, runner, N_JOBS, die_at)
            )
            vendor.asked.clear()
            process.start()
            if die_at is None:
                assert vendor.asked.wait(60), "no work is left to be killed in"
                process.join(chance.uniform(0, LATEST_S))
                process.kill()
            process.join()
            assert process.exitcode == -9, "no work is left to be killed in"
            n_killed += 1
            assert vendor.submitted == Counter(set(vendor.submitted)), "something was submitted twice"
        last = processes.Process(target=work, args=(str(tmp_path), vendor.url, vendor_kind, "async", N_JOBS))
        last.start()
        last.join()
        assert last.exitcode == 0
        submitted_before = vendor.submitted.copy()
        work(str(tmp_path), vendor.url, vendor_kind, "async" if vendor_kind == "films" else "sync", N_JOBS)
        assert vendor.submitted == submitted_before, "a batch that is done is done"
    check(tmp_path, vendor, vendor_kind)


def answered_prices(ledger: SubmissionLedger) -> list[float | None]:
    """What every submission that is on record as answered has cost, as far as that is known."""
    records = Journal(ledger.path, SubmissionRecord).read().records
    answers = {record.submission_id: record.answer for record in records if record.answer is not None}
    return [answer.cost.amount_usd for answer in answers.values()]


def check(folder: Path, vendor: CountingVendor, vendor_kind: VendorKind) -> None:
    output = folder / "generated_content"
    log, registry = GenerationMetricsLogger(output), RegistryWriter(output)
    ledger = SubmissionLedger(output / SUBMISSIONS_FILE)
    journals = [
        log.journal(PERSONA),
        DriftTracker(output / "drift").journal(PERSONA),
        Journal(registry.path(PERSONA), SubmissionRecord),
        Journal(ledger.path, SubmissionRecord),
    ]
    assert [journal.verify().problem for journal in journals] == [None] * 4
    assert vendor.submitted == Counter(set(vendor.submitted)), "something was submitted twice"

    attempts = log.read_log(PERSONA)
    accepted = registry.read(PERSONA)
    announced = (folder / ANNOUNCED).read_text().split()
    assert set(announced) <= {asset.asset_id for asset in accepted}, "an accepted asset was lost"
    assert len({asset.asset_id for asset in accepted}) == len(accepted), "an asset was accepted twice"
    assert {a.attempt_id for a in attempts if a.outcome is AssetOutcome.ACCEPTED} == {a.attempt_id for a in accepted}
    assert len({a.attempt_id for a in attempts}) == len(attempts)
    timeline = [record.attempt_id for record in DriftTracker(output / "drift").read(PERSONA)]
    assert sorted(timeline) == sorted(a.attempt_id for a in attempts if a.scores.composite is not None)

    ended = {a.asset_id: a.outcome for a in attempts if a.final}
    assert len(ended) == N_JOBS, "a job was forgotten"
    doubtful = ledger.possibly_paid()
    failed = {asset for asset, outcome in ended.items() if outcome is AssetOutcome.FAILED}
    assert failed == {submission.call.asset_id for submission in doubtful}, "only what may have been paid is left"
    # Between "about to be sent" and the operation's id a job-based vendor leaves the same doubt, for much shorter.
    assert len(doubtful) <= MOST_IN_DOUBT_PER_KILL[vendor_kind] * N_KILLS_PER_VENDOR
    prices = answered_prices(ledger)
    n_unanswered = sum(vendor.submitted.values()) - len(prices)
    assert 0 <= n_unanswered <= len(doubtful), "what was paid is answered, or in doubt"
    assert n_unanswered == 0 or vendor_kind != "jobs", "a vendor that lists what it has started leaves no doubt of it"
    terms = TERMS[vendor_kind]
    assert set(prices) <= {terms.price_usd, None}
    # A picture whose answer was killed between the file and the ledger's line is kept; its price is lost.
    n_uncertain = len(doubtful) + prices.count(None)
    paid = (len(prices) - prices.count(None)) * terms.price_usd + n_uncertain * terms.worst_case_usd
    assert ledger.spent().by_persona[PERSONA] == pytest.approx(paid), "what is in doubt counts at the worst case"
