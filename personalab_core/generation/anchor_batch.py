"""Makes a persona's reference pictures, one kind after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from personalab_core.errors import InputError, ProviderTimeoutError, TransientLLMError, UnreadableImageError
from personalab_core.generation.references import load_anchor
from personalab_core.generation.requests import GenerationRequest, GenerationResponse, ReferencePicture
from personalab_core.generation.seeds import derived_seed
from personalab_core.generation.ticket import LedgerTicket
from personalab_core.identity import IdentityEvaluator, IdentityPolicy
from personalab_core.identity.anchors import ANCHORS_LOG, CANDIDATES_FOLDER, anchor_path
from personalab_core.observability import Journal
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.observability.submission import Call
from personalab_core.prompts import AnchorTemplate, PromptBuilder, describe_person, prompt_hash
from personalab_core.schemas import (
    AnchorRecord,
    CandidateResult,
    Cost,
    Decision,
    ImagePrompt,
    PolicyVerdict,
    Reason,
    check_slug,
)

if TYPE_CHECKING:
    from personalab_core.generation.image_generator import ImageGenerator

AnchorKind = Literal["frontal", "three_quarter", "smile", "silhouette", "natural_light"]
ANCHOR_KINDS: tuple[AnchorKind, ...] = get_args(AnchorKind)

TRIES_PER_PICTURE = 3
"""How often one reference picture is asked for, with another seed each time, while none comes or it will not do."""

_UNCHECKED = PolicyVerdict(decision=Decision.UNMEASURED, reason=Reason.NONE, sentence="")


@dataclass(frozen=True, slots=True)
class AnchorCheck:
    """Measures the reference pictures that are conditioned on the selected anchor, against it.

    Frontal candidates are compared when one of them is selected, and a silhouette shows
    no face: neither is measured here.
    """

    evaluator: IdentityEvaluator
    policy: IdentityPolicy

    def of(self, kind: AnchorKind, path: Path, anchor: ReferencePicture | None) -> CandidateResult | None:
        """Return the measurement of a picture; ``None`` if there is nothing to measure."""
        if anchor is None or kind == "silhouette":
            return None
        return self.evaluator.evaluate(anchor.path, [path]).candidates[0]

    def verdict(self, candidate: CandidateResult, persona: str) -> PolicyVerdict:
        """Return whether the picture will do."""
        return self.policy.decide(candidate, name=persona)


@dataclass(frozen=True, slots=True)
class AnchorPicture:
    """One reference picture that was asked for.

    Attributes:
        kind: Which of the five.
        path: Where it is; ``None`` if none was made.
        record: Its line in the anchors' log, if it was made.
        reason: Why none was made, or what is wrong with the one that was; ``NONE`` if nothing is.
        detail: The same for a person.
    """

    kind: AnchorKind
    path: Path | None
    record: AnchorRecord | None = None
    reason: Reason = Reason.NONE
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AnchorBatch:
    """The reference pictures of one call, in the order they were asked for."""

    persona: str
    pictures: tuple[AnchorPicture, ...]

    @property
    def made(self) -> tuple[AnchorPicture, ...]:
        """Those that exist now."""
        return tuple(picture for picture in self.pictures if picture.path is not None)

    @property
    def missing(self) -> tuple[AnchorPicture, ...]:
        """Those that were not made, with the reason."""
        return tuple(picture for picture in self.pictures if picture.path is None)


@dataclass(slots=True)
class _Ledger:
    """Prices of calls that gave no picture, until the next record takes them up."""

    fruitless: list[Cost] = field(default_factory=list)

    def take(self) -> tuple[Cost, ...]:
        taken, self.fruitless = tuple(self.fruitless), []
        return taken


AnchorProgress = Callable[[AnchorPicture, int, int], None]
"""Told after each picture: the picture, how many are finished, how many there will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorStudio:
    """One persona's session: everything that its reference pictures have in common."""

    generator: ImageGenerator
    persona: str
    templates: Mapping[str, AnchorTemplate]
    physical_description: Mapping[str, object]
    seed: int
    clock: Callable[[], datetime]
    progress: AnchorProgress | None = None
    check: AnchorCheck | None = None
    ledger: _Ledger = field(default_factory=_Ledger, repr=False)
    submissions: SubmissionLedger | None = None
    first_number: int = 1

    def make(self, kinds: Sequence[AnchorKind] | None, *, frontal_candidates_k: int) -> AnchorBatch:
        """Return the pictures of these kinds, or of those that come next if ``None``."""
        check_slug(self.persona)
        if frontal_candidates_k < 1:
            raise InputError(f"frontal_candidates_k must be at least 1, got {frontal_candidates_k}.")
        wanted = self._next_kinds() if kinds is None else tuple(dict.fromkeys(kinds))
        unknown = [kind for kind in wanted if kind not in ANCHOR_KINDS or kind not in self.templates]
        if unknown:
            raise InputError(f"Unknown anchor kind {unknown[0]!r}. Known: {', '.join(ANCHOR_KINDS)}.")
        shots = [kind for kind in wanted for _ in range(frontal_candidates_k if kind == "frontal" else 1)]
        pictures: list[AnchorPicture] = []
        kind: AnchorKind = "frontal"
        try:
            for number, kind in enumerate(shots, start=1):
                pictures.append(self._picture(kind, self.first_number - 1 + number))
                if self.progress is not None:
                    self.progress(pictures[-1], number, len(shots))
        finally:
            self._record_fruitless(kind)
        return AnchorBatch(self.persona, tuple(pictures))

    def _record_fruitless(self, kind: AnchorKind) -> None:
        """Record the prices of the calls since the last picture, if there were any."""
        if not self.ledger.fruitless:
            return
        record = AnchorRecord(
            kind="anchor_calls",
            timestamp=self.clock(),
            persona=self.persona,
            anchor_kind=kind,
            path="",
            image_sha256="",
            context=self.generator.context,
            fruitless_calls=self.ledger.take(),
        )
        self._log().append(record)

    def _log(self) -> Journal[AnchorRecord]:
        folder = anchor_path(self.generator.references_root, self.persona).parent
        return Journal(folder / ANCHORS_LOG, AnchorRecord, fsync=True)

    def _next_kinds(self) -> tuple[AnchorKind, ...]:
        root = self.generator.references_root
        if not anchor_path(root, self.persona).is_file():
            return ("frontal",)
        return tuple(k for k in ANCHOR_KINDS if k != "frontal" and not anchor_path(root, self.persona, k).is_file())

    def _picture(self, kind: AnchorKind, number: int) -> AnchorPicture:
        """Return one picture, asking again with another seed while none comes."""
        anchor = None if kind == "frontal" else load_anchor(self.generator.references_root, self.persona)
        prompt = self._prompt(kind)
        picture = AnchorPicture(kind, None)
        for attempt in range(1, TRIES_PER_PICTURE + 1):
            seed = derived_seed(self.seed, kind, number, attempt)
            ticket = self._ticket(f"{kind}-{number}-a{attempt}", prompt, anchor, seed)
            picture = self._asked(kind, GenerationRequest(prompt, anchor, seed, ticket), ticket)
            if picture.reason in (Reason.NONE, Reason.PROVIDER_ERROR):
                break
        return picture

    def _prompt(self, kind: AnchorKind) -> str:
        template = self.templates[kind]
        prompt = ImagePrompt(subject_description=describe_person(self.physical_description), framing=template.framing)
        return PromptBuilder(template).build(prompt).text

    def _ticket(self, name: str, prompt: str, anchor: ReferencePicture | None, seed: int) -> LedgerTicket | None:
        """Return the account of one picture's call; within one run of the ledger, the same call is the same."""
        if self.submissions is None:
            return None
        context, run_id = self.generator.context, self.submissions.run_id
        call = Call(
            persona=self.persona,
            asset_id=f"{run_id}-anchors",
            attempt_id=f"{run_id}-{name}",
            provider=context.provider,
            model=context.model,
            simulated=context.simulated,
            seed=seed,
            prompt_hash=prompt_hash(prompt),
            anchor_sha256=anchor.sha256 if anchor else None,
        )
        return LedgerTicket(
            self.submissions, call, output_dir=self.generator.references_root, stored=lambda _name: None
        )

    def _asked(self, kind: AnchorKind, request: GenerationRequest, ticket: LedgerTicket | None) -> AnchorPicture:
        call = self.generator.transport_retry.call(partial(self.generator.generate, request))
        unanswered = Cost(possibly_paid=True)
        self.ledger.fruitless += [unanswered] * call.n_unanswered
        if call.error is not None:
            if not call.n_unanswered and isinstance(call.error, ProviderTimeoutError):
                self.ledger.fruitless.append(unanswered)
            if not isinstance(call.error, TransientLLMError):
                raise call.error
            return AnchorPicture(kind, None, reason=Reason.PROVIDER_ERROR, detail=str(call.error))
        if call.value is None or call.value.data is None:
            self.ledger.fruitless.append(call.value.cost if call.value else Cost())
            if ticket is not None and call.value is not None:
                ticket.answered(call.value.accounted(None))
            return _nothing_came(kind, call.value)
        return self._stored(kind, request, call.value, call.value.data, ticket)

    def _stored(
        self,
        kind: AnchorKind,
        request: GenerationRequest,
        response: GenerationResponse,
        data: bytes,
        ticket: LedgerTicket | None,
    ) -> AnchorPicture:
        root, final = self.generator.references_root, anchor_path(self.generator.references_root, self.persona, kind)
        sha256 = hashlib.sha256(data).hexdigest()
        folder, name = final.parent, final.name
        if kind == "frontal":
            # A candidate's name holds its content's hash, so that no later call overwrites it.
            folder, name = final.parent / CANDIDATES_FOLDER, f"{self.persona}_frontal_{sha256[:12]}"
        try:
            picture = self.generator.store(data, folder=folder, name=name)
        except UnreadableImageError as error:
            self.ledger.fruitless.append(response.cost)
            if ticket is not None:
                ticket.answered(response.accounted(None))
            return AnchorPicture(kind, None, reason=Reason.UNREADABLE, detail=str(error))
        if ticket is not None:
            ticket.answered(response.accounted(picture.path.relative_to(root).as_posix()))
        candidate = self.check.of(kind, picture.path, request.anchor) if self.check else None
        verdict = self.check.verdict(candidate, self.persona) if self.check and candidate else _UNCHECKED
        record = AnchorRecord(
            kind="anchor_candidate",
            timestamp=self.clock(),
            persona=self.persona,
            anchor_kind=kind,
            path=picture.path.relative_to(root).as_posix(),
            image_sha256=sha256,
            thumbnail_path=picture.thumbnail_path.relative_to(root).as_posix(),
            evaluator=self.check.evaluator.info if self.check and candidate else None,
            status=candidate.status if candidate else None,
            reason=verdict.sentence,
            face=candidate.face if candidate else None,
            width_px=picture.width,
            height_px=picture.height,
            context=self.generator.context.model_copy(
                update={"seed": request.seed, "model_version": response.model_version}
            ),
            prompt=request.prompt,
            cost=response.cost,
            fruitless_calls=self.ledger.take(),
        )
        wrong = verdict.reason if verdict.decision in (Decision.RETRY, Decision.REJECT_FINAL) else Reason.NONE
        return AnchorPicture(kind, picture.path, self._log().append(record), wrong, verdict.sentence)


def _nothing_came(kind: AnchorKind, response: GenerationResponse | None) -> AnchorPicture:
    if response is not None and response.block_reason:
        detail = f"The provider blocked the request ({response.block_reason})."
        return AnchorPicture(kind, None, reason=Reason.BLOCKED, detail=detail)
    return AnchorPicture(kind, None, reason=Reason.EMPTY_ANSWER, detail="The provider answered without a picture.")
