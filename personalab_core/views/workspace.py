"""One workspace as the dashboard and other readers see it: its folders, personas, records and jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from personalab_core.config import Config
from personalab_core.config.personas import PersonaStore
from personalab_core.generation import PlanStore, structure_prompt, structure_video_prompt
from personalab_core.generation.ticket import open_ledger
from personalab_core.identity.evaluator import can_measure_faces
from personalab_core.identity.packs import BUNDLED_PACK
from personalab_core.jobs import JobStore, WorkspaceRef
from personalab_core.jobs.alerts import sentinel_of
from personalab_core.observability.submission import Submission
from personalab_core.orchestration.workbench import utc_now
from personalab_core.prompts import ScenarioSet, load_asset_scenarios, subject_description
from personalab_core.schemas import (
    AnchorRecord,
    AttemptRecord,
    Character,
    Decision,
    DriftEventRecord,
    ImagePrompt,
    OverrideRecord,
    PlannedContent,
    VideoPrompt,
)
from personalab_core.views import words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.permissions import Person, ReadOnlyJobs, ReadOnlyPersonas, refuse
from personalab_core.views.records import Records

if TYPE_CHECKING:
    from personalab_core.jobs.own_anchor import OwnAnchor


class OpenRecords(Protocol):
    """How the records of three folders are opened."""

    def __call__(self, output: Path, references: Path, timelines: Path) -> Records:
        """Return the records below these folders."""
        ...


class Workspace:
    """Personas, records and jobs of one configuration.

    Args:
        config: Says where everything is.
        reference: How a job finds the same configuration again.
        records: How the records of these folders are read; the dashboard hands in what it already has.
        person: Who is looking; one who may not edit gets stores that refuse every change.
    """

    def __init__(
        self,
        config: Config,
        reference: WorkspaceRef,
        *,
        records: OpenRecords = Records,
        person: Person = Person(),  # noqa: B008 - frozen
    ) -> None:
        self.config = config
        self.reference = reference
        self._open_records = records
        self.person = person

    @classmethod
    def open(
        cls,
        reference: WorkspaceRef,
        *,
        records: OpenRecords = Records,
        person: Person = Person(),  # noqa: B008 - frozen
    ) -> Workspace:
        """Open the workspace that a reference names, else the working directory.

        Raises:
            ConfigError: A setting is wrong; the message names file and key.
        """
        return cls(reference.load(), reference, records=records, person=person)

    @property
    def rooms(self) -> Mapping[str, Path]:
        """The folders whose pictures may be shown, by the name used in addresses."""
        return {"output": self.config.paths.output, "references": self.config.paths.references}

    def must_edit(self) -> None:
        """Let an editor pass; everything here that writes begins with this.

        Raises:
            NotAllowedError: The person may only look.
        """
        if not self.person.may_edit:
            refuse()

    @cached_property
    def jobs(self) -> JobStore:
        """The jobs of this workspace."""
        return (JobStore if self.person.may_edit else ReadOnlyJobs)(self.config.paths.jobs)

    @cached_property
    def personas(self) -> PersonaStore:
        """The personas of this workspace."""
        return (PersonaStore if self.person.may_edit else ReadOnlyPersonas)(self.config.paths.personas)

    def characters(self) -> list[Character]:
        """Return the readable personas that are not archived, by name; ``personas.problems`` says which are not."""
        return sorted(self.personas.list(), key=lambda character: character.name.casefold())

    @cached_property
    def records(self) -> Records:
        """The records of this workspace, read through its index."""
        paths = self.config.paths
        return self._open_records(paths.output, paths.references, self.config.evaluation.drift.log_dir)

    def history(self, character: Character) -> PersonaHistory:
        """Return one persona with all its records."""
        return self.records.history(character)

    @cached_property
    def scenarios(self) -> ScenarioSet:
        """The scenes that pictures can be made of.

        Raises:
            ConfigError: A prompt file is broken; the message names file and key.
        """
        return load_asset_scenarios(self.config).image_scenarios

    @cached_property
    def video_scenarios(self) -> ScenarioSet:
        """The scenes that videos can be made of.

        Raises:
            ConfigError: A prompt file is broken; the message names file and key.
        """
        return load_asset_scenarios(self.config).video_scenarios

    @property
    def simulated(self) -> str:
        """What the simulator makes here, as the badge of a page says it; empty if nothing."""
        return words.simulated_parts([name for name in self.config.models if self.config.simulates(name)])

    @property
    def measuring(self) -> str:
        """What a person must know about the instrument before trusting a score; empty if there is nothing."""
        embedding = self.config.evaluation.embedding
        if embedding.backend == "stub" or (embedding.backend == "arcface" and not can_measure_faces()):
            return f"{words.NO_EVALUATOR} Pictures are kept, but neither accepted nor tried again."
        if embedding.backend == "arcface" and embedding.model_name == BUNDLED_PACK:
            return "Faces are measured by the bundled models: for simulated portraits, worthless on photographs."
        return ""

    @property
    def can_hold_demo(self) -> bool:
        """Whether the example personas may be made here: simulated, and by no configuration of one's own."""
        return self.config.profile == "simulated" and self.reference.config_file is None

    def start_demo(self) -> None:
        """Start the job that makes the example personas.

        Raises:
            InputError: The folder holds something else.
            NotAllowedError: The person may only look.
            WorkspaceError: The folder cannot be written.
        """
        self.must_edit()
        from personalab_core.jobs.demo import prepare_demo

        prepare_demo(self.reference.folder or Path.cwd())

    def choose_anchor(self, persona: str, candidate: str) -> AnchorRecord:
        """Make a candidate the anchor by a person's choice and return the record of it.

        Loads the face model for the similarities of all candidates; they are recorded whoever chooses.

        Args:
            persona: Id of the persona.
            candidate: Path of a recorded candidate, relative to the references folder.

        Raises:
            PersonalabError: The picture cannot be used, the record cannot be written, or the person may only look.
        """
        self.must_edit()
        from personalab_core.identity import select_anchor
        from personalab_core.jobs.studio import Studio

        references = self.config.paths.references
        evaluator = Studio(self.config).evaluator
        return select_anchor(persona, references, evaluator=evaluator, chosen=references / candidate).record

    def answer_change(self, persona: str, *, accept: bool, reason: str) -> DriftEventRecord:
        """Record a person's answer to what the drift monitor found, and send it to the webhook, if there is one.

        Args:
            persona: Id of the persona.
            accept: Whether it is normal from the change point on; else the old baseline stays.
            reason: Why; kept with the record.

        Raises:
            InputError: Nothing waits for an answer, or no reason is given.
            ConfigError: The webhook's address is none; nothing was recorded.
        """
        self.must_edit()
        sentinel = sentinel_of(self.config, clock=utc_now)
        watch = self.records.watch
        answer = (watch.accept if accept else watch.hold)(persona, reason=reason)
        sentinel.notice_once(persona)
        return answer

    def bring_anchor(self, persona: str, data: bytes, *, name: str) -> OwnAnchor:
        """Check a picture that a person brought and put it among the candidates; return what was found.

        Raises:
            PersonalabError: It is no picture, it cannot be written, or the person may only look.
        """
        self.must_edit()
        from personalab_core.jobs.own_anchor import bring_own_anchor
        from personalab_core.jobs.studio import Studio

        return bring_own_anchor(Studio(self.config), persona, data, name=name)

    def override(self, attempt: AttemptRecord, decision: Decision | None, *, reason: str) -> OverrideRecord:
        """Record this person's decision on an attempt beside the measured one and return it.

        Args:
            attempt: What was decided on.
            decision: ``ACCEPT`` or ``REJECT_FINAL``; ``None`` takes an earlier override back.
            reason: Why.

        Raises:
            NotAllowedError: The person may only look.
            InputError: There is no reason, or no picture to accept.
            WorkspaceError: It cannot be written; nothing was recorded.
        """
        from personalab_core.orchestration import OverrideWriter

        self.must_edit()
        writer = OverrideWriter(self.config.paths.output)
        return writer.override(attempt, decision, reason=reason, by=self.person.name or "person")

    @cached_property
    def plans(self) -> PlanStore:
        """The content plans; what changes one item goes through :meth:`plan_item`, a new plan is a job."""
        return PlanStore(self.config.paths.output)

    def plan_item(self, persona: str, item: str, change: Callable[[PlannedContent], PlannedContent]) -> PlannedContent:
        """Change one item of the plan in force and return it.

        Raises:
            NotAllowedError: The person may only look.
            InputError: There is no plan, or no such item.
            ConfigError: The plan's file is broken; it is left as it is.
        """
        self.must_edit()
        return self.plans.change_item(persona, item, change)

    def write_prompt(
        self,
        character: Character,
        request: str,
        *,
        video: bool,
        ask: bool,
        overrides: Mapping[str, JsonValue] | None = None,
    ) -> ImagePrompt | VideoPrompt:
        """Return the structured prompt of a free request.

        Args:
            character: Who is shown.
            request: What a person typed.
            video: Whether a video is wanted.
            ask: Whether the text provider is asked; else it is taken apart by rule.
            overrides: Dotted settings of the run it is for; another text model, for instance.

        Raises:
            InputError: The request is empty.
            NotAllowedError: A viewer may not ask a provider, which may cost money.
            LLMError: The call failed or gave no prompt.
        """
        subject = subject_description(character)
        if not ask:
            structure = structure_video_prompt if video else structure_prompt
            return structure(request, subject_description=subject)
        self.must_edit()
        from personalab_core.jobs.studio import Studio

        config = self.reference.load(overrides) if overrides else self.config
        writer = Studio(config).prompt_writer(character)
        return writer.video(request) if video else writer.image(request)

    def text_calls(self) -> tuple[Submission, ...]:
        """Return the calls for plans and prompts, of which only the account book tells; reads all of it.

        Raises:
            WorkspaceError: It cannot be read.
        """
        return open_ledger(self.config).texts()

    def histories(self) -> list[PersonaHistory]:
        """Return every readable persona with its records.

        Raises:
            WorkspaceError: A file cannot be read.
        """
        return [self.history(character) for character in self.characters()]
