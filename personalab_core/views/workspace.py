"""One workspace as the dashboard and other readers see it: its folders, personas, records and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from personalab_core.config import Config
from personalab_core.config.personas import PersonaStore
from personalab_core.errors import WorkspaceError
from personalab_core.identity.anchors import ANCHORS_LOG, anchor_folder
from personalab_core.identity.drift import DriftTracker
from personalab_core.identity.evaluator import can_measure_faces
from personalab_core.identity.packs import BUNDLED_PACK
from personalab_core.jobs import JobStore, WorkspaceRef
from personalab_core.observability import Journal
from personalab_core.observability.metrics import METRICS_FILE
from personalab_core.prompts import ScenarioSet, load_asset_scenarios
from personalab_core.schemas import AnchorRecord, AttemptRecord, Character, DriftRecord, Record
from personalab_core.views import words
from personalab_core.views.history import PersonaHistory

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Lines:
    """The readable records of one file, oldest first, and what could not be read."""

    records: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()


class ReadLines(Protocol):
    """How a record file is read; the dashboard hands in a reader that remembers unchanged files."""

    def __call__(self, path: Path, record_type: type[Record]) -> Lines:
        """Return what the file holds; never raise for what is in it."""
        ...


def read_lines(path: Path, record_type: type[Record]) -> Lines:
    """Return what a record file holds; a missing file is an empty one, a broken one is a problem."""
    if not path.is_file():
        return Lines()
    try:
        contents = Journal(path, record_type).read()
    except WorkspaceError as error:
        return Lines(problems=(str(error),))
    return Lines(tuple(contents.records), contents.problems)


class Workspace:
    """Personas, records and jobs of one configuration.

    Args:
        config: Says where everything is.
        reference: How a job finds the same configuration again.
        read: Reads a record file.
    """

    def __init__(self, config: Config, reference: WorkspaceRef, *, read: ReadLines = read_lines) -> None:
        self.config = config
        self.reference = reference
        self._read = read

    @classmethod
    def open(cls, reference: WorkspaceRef, *, read: ReadLines = read_lines) -> Workspace:
        """Open the workspace that a reference names, else the working directory.

        Raises:
            ConfigError: A setting is wrong; the message names file and key.
        """
        return cls(reference.load(), reference, read=read)

    @property
    def rooms(self) -> Mapping[str, Path]:
        """The folders whose pictures may be shown, by the name used in addresses."""
        return {"output": self.config.paths.output, "references": self.config.paths.references}

    @cached_property
    def jobs(self) -> JobStore:
        """The jobs of this workspace."""
        return JobStore(self.config.paths.jobs)

    @cached_property
    def personas(self) -> PersonaStore:
        """The personas of this workspace."""
        return PersonaStore(self.config.paths.personas)

    def characters(self) -> list[Character]:
        """Return the readable personas that are not archived, by name; ``personas.problems`` says which are not."""
        return sorted(self.personas.list(), key=lambda character: character.name.casefold())

    def history(self, character: Character) -> PersonaHistory:
        """Return one persona with all its records."""
        persona = character.id
        paths = self.config.paths
        attempts = self._read(paths.output / persona / METRICS_FILE, AttemptRecord)
        anchors = self._read(anchor_folder(paths.references, persona) / ANCHORS_LOG, AnchorRecord)
        drift = self._read(DriftTracker(self.config.evaluation.drift.log_dir).journal(persona).path, DriftRecord)
        return PersonaHistory(
            character=character,
            attempts=_only(attempts, AttemptRecord),
            anchors=_only(anchors, AnchorRecord),
            drift=_only(drift, DriftRecord),
            problems=attempts.problems + anchors.problems + drift.problems,
        )

    @cached_property
    def scenarios(self) -> ScenarioSet:
        """The scenes that pictures can be made of.

        Raises:
            ConfigError: A prompt file is broken; the message names file and key.
        """
        return load_asset_scenarios(self.config).image_scenarios

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
            WorkspaceError: The folder cannot be written.
        """
        from personalab_core.jobs.demo import prepare_demo

        prepare_demo(self.reference.folder or Path.cwd())

    def choose_anchor(self, persona: str, candidate: str) -> AnchorRecord:
        """Make a candidate the anchor by a person's choice and return the record of it.

        Loads the face model for the similarities of all candidates; they are recorded whoever chooses.

        Args:
            persona: Id of the persona.
            candidate: Path of a recorded candidate, relative to the references folder.

        Raises:
            PersonalabError: The picture cannot be used, or the record cannot be written.
        """
        from personalab_core.identity import select_anchor
        from personalab_core.jobs.studio import Studio

        references = self.config.paths.references
        evaluator = Studio(self.config).evaluator
        return select_anchor(persona, references, evaluator=evaluator, chosen=references / candidate).record

    def histories(self) -> list[PersonaHistory]:
        """Return every readable persona with its records."""
        return [self.history(character) for character in self.characters()]


def _only(lines: Lines, kind: type[R]) -> tuple[R, ...]:
    return tuple(record for record in lines.records if isinstance(record, kind))
