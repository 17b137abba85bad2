"""Every state has its word, and nothing unmeasured gets a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.schemas import AttemptRecord, Decision, Reason
from personalab_core.views import words
from tests.support.workspace_builder import WorkspaceBuilder


@pytest.fixture
def builder(tmp_path: Path) -> WorkspaceBuilder:
    made = WorkspaceBuilder(tmp_path)
    made.persona("Mara Lindqvist", persona_id="mara")
    return made


def shown(attempt: AttemptRecord) -> tuple[str, str, str]:
    mark = words.decision_mark(attempt)
    return mark.kind, mark.word, words.attempt_answer(attempt, "Mara")


def test_the_sentences_of_measured_attempts(builder: WorkspaceBuilder) -> None:
    retry, accepted = builder.asset("mara", 0.47, 0.78)
    (rejected,) = builder.asset("mara", 0.31)
    assert shown(accepted) == ("accept", "Accepted", "This is Mara.")
    assert words.attempt_detail(accepted) == "Score 0.78, accept from 0.55."
    assert shown(retry) == ("retry", "Retry", "Not sure it is Mara: jaw width differs.")
    assert words.attempt_detail(retry) == (
        "Score 0.47, between reject (below 0.35) and accept (from 0.55), so it was tried again."
    )
    assert shown(rejected) == ("reject", "Rejected", "This is someone else.")
    assert words.attempt_detail(rejected) == "Score 0.31; nothing further is tried for this asset."


@pytest.mark.parametrize(
    ("reason", "kind", "word", "answer"),
    [
        (Reason.NO_FACE, "unmeasured", "Not measurable", "Not measurable: no face was found."),
        (Reason.BLOCKED, "unmeasured", "No picture", "No picture came: the provider blocked the request."),
        (Reason.EMPTY_ANSWER, "unmeasured", "No picture", "No picture came: the answer was empty."),
        (Reason.NO_EVALUATOR, "unmeasured", "Not measured", words.NO_EVALUATOR),
    ],
)
def test_an_attempt_without_a_score(
    builder: WorkspaceBuilder, reason: Reason, kind: str, word: str, answer: str
) -> None:
    attempt, *_ = builder.asset("mara", reason, finished=False)
    assert shown(attempt) == (kind, word, answer)
    assert "0." not in words.attempt_detail(attempt)


def test_an_exhausted_asset_does_not_claim_another_try(builder: WorkspaceBuilder) -> None:
    *_, last = builder.asset("mara", 0.47, 0.48, 0.49)
    assert last.decision is Decision.RETRY
    assert last.final
    assert words.attempt_detail(last).endswith("and no attempt was left.")


def test_every_reason_has_words() -> None:
    assert set(words.REASONS) == set(Reason)


def test_the_first_name_of_a_sentence() -> None:
    assert words.first_name("Daniela 'Dani' Pérez") == "Daniela"
    assert words.first_name("'Dani' Pérez") == "Dani"


@pytest.mark.parametrize(
    ("modalities", "said"),
    [
        ((), ""),
        (("image", "text", "video"), "Simulated"),
        (("image", "video"), "Simulated: pictures and videos"),
        (("text",), "Simulated: texts"),
    ],
)
def test_a_badge_says_what_is_simulated(modalities: tuple[str, ...], said: str) -> None:
    assert words.simulated_parts(modalities) == said
