"""The attempt loop, without I/O: it says what to do next and takes the answers.

::

    Generate ──answer──► Measure ──answer──► Record ──written──► Generate (patched) ... or Done
        └─ no picture, failed, cancelled ───────┘

Whoever drives it (the synchronous orchestrator, the asynchronous runner, a cluster)
only carries out the steps. The decisions are therefore the same by construction:
equal seed, policy and answers give equal steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from personalab_core.generation.seeds import derived_seed
from personalab_core.prompts import BuiltPrompt
from personalab_core.schemas import (
    AssetOutcome,
    CandidateResult,
    Decision,
    FacePart,
    PolicyVerdict,
    PromptPatch,
    Reason,
)


class LoopStateError(RuntimeError):
    """A driver handed in an answer that the current step does not ask for; a mistake in the driver."""


class AttemptPolicy(Protocol):
    """Decides about one attempt; ``IdentityPolicy`` is the one that ships."""

    @property
    def max_attempts(self) -> int:
        """Attempts per asset."""
        ...

    @property
    def accept_threshold(self) -> float:
        """Composite score from which a picture is accepted."""
        ...

    @property
    def retry_threshold(self) -> float:
        """Composite score below which an asset is given up."""
        ...

    @property
    def mode(self) -> str:
        """Name of the rule, for the record."""
        ...

    def decide(self, candidate: CandidateResult, *, name: str, others_expected: bool) -> PolicyVerdict:
        """Return the verdict on a picture."""
        ...

    def decide_generation_failure(self, reason: Reason, /) -> PolicyVerdict:
        """Return the verdict on an attempt without a picture to judge."""
        ...


class PatchSource(Protocol):
    """Gives the prompt patch for a reason; ``PatchCatalogue`` is the one that ships."""

    def patch_for(self, reason: Reason, level: int, /) -> PromptPatch | None:
        """Return the patch, ``None`` if there is none for this reason."""
        ...

    def part_patch(self, part: FacePart, level: int, /) -> PromptPatch | None:
        """Return the patch for one part of the face, ``None`` if there is none."""
        ...


PromptOf = Callable[[tuple[PromptPatch, ...]], BuiltPrompt]
"""Builds the full prompt with these patches; pure."""


# ----- what to do next -----


@dataclass(frozen=True, slots=True)
class Generate:
    """Call the provider once (transport retries included) with this prompt and seed."""

    attempt: int
    seed: int
    prompt: BuiltPrompt
    patches: tuple[PromptPatch, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure this picture against the anchor."""

    attempt: int
    path: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write down a finished attempt; nothing is decided that is not recorded.

    ``outcome`` is set exactly if no further attempt follows.
    """

    request: Generate
    verdict: PolicyVerdict
    outcome: AssetOutcome | None
    candidate: CandidateResult | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do; ``attempt`` is the number of the last one, 0 if there was none."""

    outcome: AssetOutcome
    sentence: str
    attempt: int


Step = Generate | Measure | Record | Done


# ----- answers to Generate -----


@dataclass(frozen=True, slots=True)
class PictureMade:
    """A picture came and is stored."""

    path: str


@dataclass(frozen=True, slots=True)
class NoPicture:
    """The provider answered without a picture: it blocked the request, or sent nothing."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class BrokenPicture:
    """The provider sent something that is no picture; ``candidate`` says so, unmeasured."""

    candidate: CandidateResult


GenerateAnswer = PictureMade | NoPicture | BrokenPicture


class AttemptLoop:
    """The attempts for one asset, as a state machine.

    Carry out :attr:`step`, then hand in what came of it: :meth:`generated` after
    ``Generate``, :meth:`measured` after ``Measure``, :meth:`recorded` after ``Record``, and
    :meth:`aborted` if a step failed or was cancelled. Each returns the next step.

    Patches accumulate: every reason met so far keeps its patch, and a reason met for
    the n-th time gets level n, so that curing one fault does not bring back another. A part of
    the face that was named as off has a patch of its own, counted in the same way.

    Args:
        policy: Decides, and says how many attempts there are.
        patches: Prompt patch for a reason and level.
        prompt_of: Builds the prompt of an attempt.
        seed: Seed of the asset; each attempt's is derived from it.
        name: What sentences call the persona.
        others_expected: Whether other people were asked for.
    """

    def __init__(
        self,
        *,
        policy: AttemptPolicy,
        patches: PatchSource,
        prompt_of: PromptOf,
        seed: int,
        name: str = "the same person",
        others_expected: bool = False,
    ) -> None:
        self._policy = policy
        self._patches = patches
        self._prompt_of = prompt_of
        self._seed = seed
        self._name = name
        self._others_expected = others_expected
        self._met: Counter[Reason] = Counter()
        self._parts: Counter[FacePart] = Counter()
        self._stop = False
        self._step: Step = self._generate(1)

    @property
    def step(self) -> Step:
        """What to do now."""
        return self._step

    @property
    def max_attempts(self) -> int:
        """How many attempts the policy allows."""
        return self._policy.max_attempts

    def request_stop(self) -> None:
        """Make the attempt under way the last one, unless it is accepted anyway."""
        self._stop = True

    def cancel(self) -> Step:
        """Do not begin the ``Generate`` step that is next."""
        if not isinstance(self._step, Generate):
            raise _unexpected("cancel", self._step)
        begun = self._step.attempt - 1
        sentence = f"Cancelled before attempt {self._step.attempt} of {self.max_attempts}."
        self._step = Done(AssetOutcome.CANCELLED, sentence, begun)
        return self._step

    def replayed(self, verdict: PolicyVerdict, outcome: AssetOutcome | None) -> Step:
        """Take an attempt that an earlier run finished and recorded, instead of making it.

        Args:
            verdict: As it is on record.
            outcome: How the asset ended then; ``None`` if it goes on.
        """
        if not isinstance(self._step, Generate):
            raise _unexpected("replayed", self._step)
        if outcome is None:
            self._meet(verdict)
        self._step = Record(self._step, verdict, outcome)
        return self.recorded()

    def settle(self, outcome: AssetOutcome, sentence: str) -> Step:
        """End the asset before the ``Generate`` step that is next."""
        if not isinstance(self._step, Generate):
            raise _unexpected("settle", self._step)
        self._step = Done(outcome, sentence, self._step.attempt)
        return self._step

    def generated(self, answer: GenerateAnswer) -> Step:
        """Take what came of a ``Generate`` step."""
        if not isinstance(self._step, Generate):
            raise _unexpected("generated", self._step)
        self._request = self._step
        match answer:
            case PictureMade(path):
                self._step = Measure(self._request.attempt, path)
            case NoPicture(reason):
                self._close(self._request, self._policy.decide_generation_failure(reason))
            case BrokenPicture(candidate):
                self._close(self._request, self._decide(candidate), candidate)
        return self._step

    def measured(self, candidate: CandidateResult) -> Step:
        """Take what came of a ``Measure`` step."""
        if not isinstance(self._step, Measure):
            raise _unexpected("measured", self._step)
        self._close(self._request, self._decide(candidate), candidate)
        return self._step

    def aborted(self, error: str, reason: Reason) -> Step:
        """Take that a ``Generate`` or ``Measure`` step could not be carried out.

        Args:
            error: Class and safe message of why.
            reason: ``CANCELLED`` if a person stopped it, else whose failure it was.
        """
        if not isinstance(self._step, Generate | Measure):
            raise _unexpected("aborted", self._step)
        request = self._step if isinstance(self._step, Generate) else self._request
        outcome = AssetOutcome.CANCELLED if reason is Reason.CANCELLED else AssetOutcome.FAILED
        self._step = Record(request, self._policy.decide_generation_failure(reason), outcome, error=error)
        return self._step

    def recorded(self) -> Step:
        """Go on after a ``Record`` step was written."""
        if not isinstance(self._step, Record):
            raise _unexpected("recorded", self._step)
        closed = self._step
        attempt = closed.request.attempt
        if closed.outcome is None:
            self._step = self._generate(attempt + 1)
        else:
            self._step = Done(closed.outcome, self._sentence(closed), attempt)
        return self._step

    def _decide(self, candidate: CandidateResult) -> PolicyVerdict:
        return self._policy.decide(candidate, name=self._name, others_expected=self._others_expected)

    def _generate(self, attempt: int) -> Generate:
        found = [self._patches.patch_for(reason, times) for reason, times in self._met.items()]
        found += [self._patches.part_patch(part, times) for part, times in self._parts.items()]
        patches = tuple(patch for patch in found if patch is not None)
        return Generate(attempt, derived_seed(self._seed, attempt), self._prompt_of(patches), patches)

    def _close(self, request: Generate, verdict: PolicyVerdict, candidate: CandidateResult | None = None) -> None:
        outcome = self._outcome(request.attempt, verdict.decision)
        if outcome is None:
            self._meet(verdict)
        self._step = Record(request, verdict, outcome, candidate)

    def _meet(self, verdict: PolicyVerdict) -> None:
        self._met[verdict.reason] += 1
        if verdict.part is not None:
            self._parts[verdict.part] += 1

    def _outcome(self, attempt: int, decision: Decision) -> AssetOutcome | None:
        if decision is not Decision.RETRY:
            return _OUTCOMES[decision]
        if attempt >= self.max_attempts:
            return AssetOutcome.EXHAUSTED
        return AssetOutcome.CANCELLED if self._stop else None

    def _sentence(self, closed: Record) -> str:
        opening = _OPENINGS[closed.outcome or AssetOutcome.FAILED]
        return f"{opening} attempt {closed.request.attempt} of {self.max_attempts}. {closed.verdict.sentence}"


_OUTCOMES = {
    Decision.ACCEPT: AssetOutcome.ACCEPTED,
    Decision.REJECT_FINAL: AssetOutcome.REJECTED,
    Decision.UNMEASURED: AssetOutcome.UNMEASURED,
}

_OPENINGS = {
    AssetOutcome.ACCEPTED: "Accepted at",
    AssetOutcome.REJECTED: "Rejected at",
    AssetOutcome.EXHAUSTED: "Not accepted after",
    AssetOutcome.UNMEASURED: "Not measured at",
    AssetOutcome.FAILED: "Failed at",
    AssetOutcome.CANCELLED: "Cancelled after",
}


def _unexpected(answer: str, step: Step) -> LoopStateError:
    return LoopStateError(f"the loop is at {type(step).__name__} and cannot take the answer '{answer}'")
