"""The attempt loop as a pure state machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.identity import IdentityPolicy
from personalab_core.orchestration.loop import (
    AttemptLoop,
    BrokenPicture,
    Done,
    Generate,
    LoopStateError,
    Measure,
    NoPicture,
    PictureMade,
    Record,
    Step,
)
from personalab_core.prompts import BuiltPrompt, PatchCatalogue, PromptBuilder
from personalab_core.schemas import (
    AssetOutcome,
    Decision,
    ImagePrompt,
    MeasurementStatus,
    PolicyVerdict,
    PromptPatch,
    Reason,
)
from tests.support.loop_fakes import PATCHES, candidate

PROMPT = ImagePrompt(subject_description="a woman of 23")
MEASURABLE = st.floats(0, 1)
UNMEASURABLE = st.sampled_from(
    [MeasurementStatus.NO_FACE, MeasurementStatus.FACE_TOO_SMALL, MeasurementStatus.TURNED_AWAY]
)
ANSWER = st.one_of(
    MEASURABLE, UNMEASURABLE, st.sampled_from([Reason.BLOCKED, Reason.EMPTY_ANSWER, Reason.PROVIDER_ERROR, "broken"])
)


def make_loop(*, max_attempts: int = 3, seed: int = 7, others_expected: bool = False) -> AttemptLoop:
    def prompt_of(patches: tuple[PromptPatch, ...]) -> BuiltPrompt:
        return PromptBuilder("A picture of ${SUBJECT}.\n${PATCHES}").build(PROMPT, patches=patches)

    policy = IdentityPolicy(max_attempts=max_attempts)
    return AttemptLoop(policy=policy, patches=PATCHES, prompt_of=prompt_of, seed=seed, others_expected=others_expected)


def drive(loop: AttemptLoop, answers: list[object]) -> list[Step]:
    """Answer every Generate step with the next answer (the last one for ever) and return all steps."""
    steps, given_answers = [loop.step], iter(answers)
    answer = answers[0]
    while not isinstance(step := loop.step, Done):
        match step:
            case Generate():
                answer = next(given_answers, answer)
                if answer is Reason.PROVIDER_ERROR:
                    loop.aborted("ProviderServerError: it failed", Reason.PROVIDER_ERROR)
                elif isinstance(answer, Reason):
                    loop.generated(NoPicture(answer))
                elif answer == "broken":
                    loop.generated(BrokenPicture(candidate(MeasurementStatus.UNREADABLE)))
                else:
                    loop.generated(PictureMade("p.png"))
            case Measure():
                loop.measured(candidate(answer))  # type: ignore[arg-type]
            case Record():
                loop.recorded()
        steps.append(loop.step)
    return steps


def records(steps: list[Step]) -> list[Record]:
    return [step for step in steps if isinstance(step, Record)]


@given(st.lists(ANSWER, min_size=1, max_size=6), st.integers(1, 4))
def test_never_more_attempts_than_allowed_and_one_record_each(answers: list[object], max_attempts: int) -> None:
    steps = drive(make_loop(max_attempts=max_attempts), answers)
    generated = [step for step in steps if isinstance(step, Generate)]
    assert 1 <= len(generated) <= max_attempts
    assert [record.request for record in records(steps)] == generated
    assert [step.attempt for step in generated] == list(range(1, len(generated) + 1))


@given(st.lists(ANSWER, min_size=1, max_size=6), st.integers())
def test_equal_inputs_give_equal_steps(answers: list[object], seed: int) -> None:
    assert drive(make_loop(seed=seed), answers) == drive(make_loop(seed=seed), answers)


@given(st.lists(ANSWER, min_size=1, max_size=6))
def test_exactly_the_last_record_has_the_outcome(answers: list[object]) -> None:
    steps = drive(make_loop(), answers)
    written = records(steps)
    done = steps[-1]
    assert isinstance(done, Done)
    assert all(record.outcome is None for record in written[:-1])
    assert written[-1].outcome is done.outcome
    assert done.attempt == len(written)


@given(st.lists(ANSWER, min_size=1, max_size=6))
def test_what_was_not_measured_is_never_rejected(answers: list[object]) -> None:
    for record in records(drive(make_loop(), answers)):
        if record.candidate is None or record.candidate.composite_score is None:
            assert record.verdict.decision is not Decision.REJECT_FINAL


@pytest.mark.parametrize(
    ("answers", "outcome", "n_attempts"),
    [
        ([0.8], AssetOutcome.ACCEPTED, 1),
        ([0.4, 0.6], AssetOutcome.ACCEPTED, 2),
        ([0.2], AssetOutcome.REJECTED, 1),
        ([0.4], AssetOutcome.EXHAUSTED, 3),
        ([MeasurementStatus.NO_FACE, 0.7], AssetOutcome.ACCEPTED, 2),
        ([Reason.BLOCKED], AssetOutcome.EXHAUSTED, 3),
        (["broken", 0.7], AssetOutcome.ACCEPTED, 2),
        ([0.4, Reason.PROVIDER_ERROR], AssetOutcome.FAILED, 2),
        ([MeasurementStatus.NOT_MEASURED], AssetOutcome.UNMEASURED, 1),
    ],
)
def test_how_answers_end(answers: list[object], outcome: AssetOutcome, n_attempts: int) -> None:
    done = drive(make_loop(), answers)[-1]
    assert isinstance(done, Done)
    assert (done.outcome, done.attempt) == (outcome, n_attempts)


def test_a_reason_met_again_escalates_and_earlier_patches_stay() -> None:
    steps = drive(make_loop(max_attempts=4), [0.4, MeasurementStatus.NO_FACE, 0.4, 0.9])
    patches = [[(p.reason, p.level) for p in step.patches] for step in steps if isinstance(step, Generate)]
    assert patches == [
        [],
        [(Reason.IDENTITY_LOW, 1)],
        [(Reason.IDENTITY_LOW, 1), (Reason.NO_FACE, 1)],
        [(Reason.IDENTITY_LOW, 2), (Reason.NO_FACE, 1)],
    ]


def test_the_prompt_holds_the_patches_and_a_seed_of_its_own() -> None:
    first, second = (s for s in drive(make_loop(), [0.4, 0.9]) if isinstance(s, Generate))
    assert second.prompt.text == "A picture of a woman of 23.\nKeep the face."
    assert first.prompt.prompt_hash != second.prompt.prompt_hash
    assert first.seed != second.seed
    assert 0 <= first.seed < 2**31


def test_several_faces_are_retried_unless_others_were_asked_for() -> None:
    for others_expected, decision in ((False, Decision.RETRY), (True, Decision.ACCEPT)):
        loop = make_loop(others_expected=others_expected)
        loop.generated(PictureMade("p.png"))
        step = loop.measured(candidate(0.8, n_faces=2))
        assert isinstance(step, Record)
        assert step.verdict.decision is decision


def test_a_stop_makes_the_attempt_under_way_the_last() -> None:
    loop = make_loop()
    loop.request_stop()
    steps = drive(loop, [0.4])
    done = steps[-1]
    assert isinstance(done, Done)
    assert (done.outcome, done.attempt) == (AssetOutcome.CANCELLED, 1)


def test_a_stop_does_not_take_back_an_acceptance() -> None:
    loop = make_loop()
    loop.request_stop()
    done = drive(loop, [0.9])[-1]
    assert isinstance(done, Done)
    assert done.outcome is AssetOutcome.ACCEPTED


def test_cancelled_before_it_began_leaves_no_attempt() -> None:
    done = make_loop().cancel()
    assert isinstance(done, Done)
    assert (done.outcome, done.attempt) == (AssetOutcome.CANCELLED, 0)


def test_an_answer_out_of_turn_is_a_mistake_of_the_driver() -> None:
    loop = make_loop()
    with pytest.raises(LoopStateError, match="Generate"):
        loop.measured(candidate(0.8))
    with pytest.raises(LoopStateError, match="Generate"):
        loop.recorded()
    loop.generated(PictureMade("p.png"))
    with pytest.raises(LoopStateError, match="Measure"):
        loop.generated(PictureMade("p.png"))
    with pytest.raises(LoopStateError, match="Measure"):
        loop.cancel()


def test_a_named_part_gets_a_patch_of_its_own_that_escalates() -> None:
    """Beside the patch of the reason; another part adds its own and keeps the first."""
    catalogue = PatchCatalogue(
        {Reason.IDENTITY_LOW: ["Keep the face."]}, {"nose": ["Nose.", "The nose!"], "jaw": ["Jaw."]}
    )

    def prompt_of(patches: tuple[PromptPatch, ...]) -> BuiltPrompt:
        return PromptBuilder("A picture of ${SUBJECT}.\n${PATCHES}").build(PROMPT, patches=patches)

    loop = AttemptLoop(policy=IdentityPolicy(max_attempts=4), patches=catalogue, prompt_of=prompt_of, seed=1)
    texts = []
    for part in ("nose", "nose", "jaw", None):
        assert isinstance(loop.step, Generate)
        texts.append([patch.text for patch in loop.step.patches])
        verdict = PolicyVerdict(decision=Decision.RETRY, reason=Reason.IDENTITY_LOW, sentence="", part=part)
        loop.replayed(verdict, None if len(texts) < 4 else AssetOutcome.EXHAUSTED)
    assert texts == [
        [],
        ["Keep the face.", "Nose."],
        ["Keep the face.", "The nose!"],
        ["Keep the face.", "The nose!", "Jaw."],
    ]
