"""What a job is asked to do: typed, checked at submission, stored as JSON in the database."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, model_validator

from personalab_core.config import Config, load_config
from personalab_core.errors import InputError
from personalab_core.schemas import Contract, ImagePrompt, VideoPrompt, check_slug

JobKind = Literal[
    "generate_images",
    "generate_anchors",
    "demo_history",
    "batch",
    "new_plan",
    "evaluate_pictures",
    "evaluate_video",
    "export",
]

AnchorKind = Literal["frontal", "three_quarter", "smile", "silhouette", "natural_light"]


def _slug(value: str) -> str:
    try:
        return check_slug(value)
    except InputError as error:
        raise ValueError(str(error)) from error


PersonaId = Annotated[str, AfterValidator(_slug)]

_VARIABLES = {
    "folder": "PERSONALAB_WORKSPACE",
    "config_file": "PERSONALAB_CONFIG",
    "profile": "PERSONALAB_PROFILE",
}


class WorkspaceRef(Contract):
    """Which workspace and settings were asked for, so that another process loads the same.

    Attributes:
        folder: Absolute path of the workspace folder, if one was named.
        config_file: Absolute path of the configuration file, if one was named.
        profile: Profile that was asked for; ``None`` leaves the choice to the configuration.
    """

    folder: str | None = None
    config_file: str | None = None
    profile: Literal["simulated", "default"] | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return what ``PERSONALAB_WORKSPACE``, ``PERSONALAB_CONFIG`` and ``PERSONALAB_PROFILE`` say."""
        return cls.model_validate({name: environ.get(variable) or None for name, variable in _VARIABLES.items()})

    def to_environment(self) -> dict[str, str]:
        """Return the variables that :meth:`from_environment` reads."""
        values = self.model_dump()
        return {variable: values[name] for name, variable in _VARIABLES.items() if values[name]}

    def load(self, overrides: Mapping[str, Any] | None = None) -> Config:
        """Return the settings in force there; raises what :func:`load_config` raises."""
        return load_config(self.config_file, profile=self.profile, workspace=self.folder, overrides=overrides)


class JobParams(Contract, ABC):
    """What every job has. ``overrides`` are dotted configuration keys and their values."""

    workspace: WorkspaceRef
    overrides: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def persona_id(self) -> str | None:
        """Persona the job belongs to, ``None`` if it belongs to several."""
        return None

    @property
    @abstractmethod
    def title(self) -> str:
        """Short name for lists."""

    @property
    @abstractmethod
    def n_items(self) -> int:
        """Number of items the progress counts."""


class GenerateImagesParams(JobParams):
    """Generate ``n_assets`` pictures of one persona.

    Either ``scenario`` (the name of a configured image scenario) or ``prompt``.
    The seed of asset ``i`` is ``seed + i``.
    """

    persona: PersonaId
    scenario: str | None = None
    prompt: ImagePrompt | None = None
    n_assets: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.scenario is None) == (self.prompt is None):
            raise ValueError("give either a scenario or a prompt")
        return self

    @property
    def persona_id(self) -> str:
        """The persona shown in the pictures."""
        return self.persona

    @property
    def title(self) -> str:
        """Such as ``4 pictures of daniperez``."""
        return f"{self.n_assets} picture{'s' if self.n_assets > 1 else ''} of {self.persona}"

    @property
    def n_items(self) -> int:
        """One item an asset."""
        return self.n_assets


class BatchItem(Contract):
    """``n`` assets of one kind; see ``docs/batch.md``. The seed of the i-th is ``seed + i``."""

    persona: PersonaId
    asset_type: Literal["image", "video"] = "image"
    scenario: str | None = None
    prompt: ImagePrompt | VideoPrompt | None = None
    n: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=0, ge=0)


class BatchParams(JobParams):
    """Make everything a plan asks for, in its order. Asset ``i`` of the whole plan is ``<job>-<i>``.

    ``plan_items`` are the items of the persona's content plan that ``items`` make, if it is one.
    """

    name: str = ""
    items: tuple[BatchItem, ...] = Field(min_length=1)
    plan_items: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_asset_per_plan_item(self) -> Self:
        if self.plan_items and (len(self.plan_items) != len(self.items) or any(item.n != 1 for item in self.items)):
            raise ValueError("a content plan's batch makes one asset per item")
        return self

    @property
    def persona_id(self) -> str | None:
        """The persona, if there is only one."""
        personas = {item.persona for item in self.items}
        return personas.pop() if len(personas) == 1 else None

    @property
    def title(self) -> str:
        """The plan's name, or such as ``Batch of 12 assets``."""
        return self.name or f"Batch of {self.n_items} asset{'s' if self.n_items > 1 else ''}"

    @property
    def n_items(self) -> int:
        """One item an asset."""
        return sum(item.n for item in self.items)


class NewPlanParams(JobParams):
    """Ask the text provider for ideas and put them in a calendar; the plan before is kept.

    Attributes:
        persona: Whom to plan for.
        n_pieces: How many pieces.
        start: First day; the day after that on which the job runs if ``None``.
        per_week: Pieces a week.
    """

    persona: PersonaId
    n_pieces: int = Field(default=6, ge=1, le=50)
    start: date | None = None
    per_week: int = Field(default=3, ge=1, le=21)

    @property
    def persona_id(self) -> str:
        """The persona planned for."""
        return self.persona

    @property
    def title(self) -> str:
        """Such as ``New plan of daniperez``."""
        return f"New plan of {self.persona}"

    @property
    def n_items(self) -> int:
        """The one plan: it is there as a whole or not at all."""
        return 1


class GenerateAnchorsParams(JobParams):
    """Generate a persona's anchor candidates, select one, then derive the other kinds.

    With ``select=False`` only the frontal candidates are made and a person chooses. With ``n_candidates=0`` only
    the other kinds are made, from the anchor in force.
    """

    persona: PersonaId
    n_candidates: int = Field(default=4, ge=0, le=24)
    select: bool = True
    kinds: tuple[AnchorKind, ...] = ("three_quarter", "smile", "silhouette", "natural_light")
    seed: int = Field(default=0, ge=0)

    @property
    def persona_id(self) -> str:
        """The persona whose anchors are made."""
        return self.persona

    @property
    def title(self) -> str:
        """Such as ``Anchors of daniperez``."""
        return f"Anchors of {self.persona}"

    @property
    def n_items(self) -> int:
        """One item a candidate, one for the choice, one a further kind."""
        return self.n_candidates + (1 + len(self.kinds) if self.select else 0)


class EvaluatePicturesParams(JobParams):
    """Measure pictures from elsewhere against an anchor.

    Attributes:
        evaluation: Id of the folder that holds what was brought and what is found.
        persona: Whose anchor they are compared with; ``None`` if a picture to compare with was brought along.
        folder: Folder below ``paths.imports`` whose pictures are taken in first, if any.
        n_pictures: How many there are, for the progress.
    """

    evaluation: str = Field(pattern=r"^[0-9a-f]{12}$")
    persona: PersonaId | None = None
    folder: str | None = Field(default=None, max_length=400)
    n_pictures: int = Field(ge=1, le=1000)

    @property
    def persona_id(self) -> str | None:
        """The persona whose anchor they are compared with."""
        return self.persona

    @property
    def title(self) -> str:
        """Such as ``9 pictures from elsewhere``."""
        return f"{self.n_pictures} picture{'s' if self.n_pictures > 1 else ''} from elsewhere"

    @property
    def n_items(self) -> int:
        """One item a picture."""
        return self.n_pictures


class EvaluateVideoParams(JobParams):
    """Measure a video from elsewhere against a persona's anchor.

    Attributes:
        check: Id of the folder that holds the video.
        persona: Whose anchor it is compared with.
        name: The file's own name, for lists.
    """

    check: str = Field(pattern=r"^[0-9a-f]{12}$")
    persona: PersonaId
    name: str = Field(max_length=120)

    @property
    def persona_id(self) -> str:
        """The persona whose anchor it is compared with."""
        return self.persona

    @property
    def title(self) -> str:
        """Such as ``Video harbour.mp4``."""
        return f"Video {self.name}"

    @property
    def n_items(self) -> int:
        """The one video."""
        return 1


class ExportParams(JobParams):
    """Export accepted assets of one persona.

    Attributes:
        persona: Whose.
        channel: Name of the channel.
        assets: Ids of the accepted assets.
        look: Name of a realism preset, ``None`` for none.
        sharpen: Amount of the unsharp mask; 0 is off.
        sharpen_as_advised: Whether what the post-processing gate calls soft is sharpened; ``None`` as configured.
        super_resolve_as_advised: Whether it is super-resolved; likewise.
        captions: Text per asset.
        caption: Text beside the files of the others.
        composite: Whether a real picture went in; ``None`` leaves it to how the anchor came to be.
        seed: Of the look's noise.
    """

    persona: PersonaId
    channel: str = Field(max_length=64)
    assets: tuple[str, ...] = Field(min_length=1, max_length=1000)
    look: str | None = Field(default=None, max_length=64)
    sharpen: float = Field(default=0.0, ge=0, le=2)
    sharpen_as_advised: bool | None = None
    super_resolve_as_advised: bool | None = None
    captions: dict[str, Annotated[str, Field(max_length=5000)]] = Field(default_factory=dict, repr=False)
    caption: str = Field(default="", max_length=5000, repr=False)
    composite: bool | None = None
    seed: int = Field(default=0, ge=0)

    @property
    def persona_id(self) -> str:
        """The persona whose assets leave."""
        return self.persona

    @property
    def title(self) -> str:
        """Such as ``Export of 3 assets for tiktok``."""
        return f"Export of {self.n_items} asset{'s' if self.n_items > 1 else ''} for {self.channel}"

    @property
    def n_items(self) -> int:
        """One item an asset."""
        return len(self.assets)


class DemoHistoryParams(JobParams):
    """Fill the example workspace.

    Attributes:
        until: Moment at which its history ends.
        assets_per_history: Assets of the steady persona.
        assets_of_drifting: Assets of the one that changes; more, as a change needs a baseline before it.
        assets_of_new: Assets of the new persona.
        n_candidates: Frontal candidates per persona.
        picture_size_px: Longer side of its pictures.
        seed: Where all its randomness comes from.
    """

    until: AwareDatetime
    assets_per_history: int = Field(default=44, ge=1, le=400)
    assets_of_drifting: int = Field(default=66, ge=1, le=400)
    assets_of_new: int = Field(default=4, ge=0, le=400)
    n_personas: int = Field(default=3, ge=1)
    n_candidates: int = Field(default=4, ge=1)
    picture_size_px: int = Field(default=640, ge=160)
    seed: int = Field(default=2026, ge=0)

    @property
    def title(self) -> str:
        """The same for every demo."""
        return "Example workspace"

    @property
    def n_items(self) -> int:
        """One item a step of each persona's anchors, one an asset."""
        n_assets = self.assets_per_history + self.assets_of_drifting + self.assets_of_new
        return self.n_personas * self.n_anchor_steps + n_assets

    @property
    def n_anchor_steps(self) -> int:
        """Items of one persona's anchors."""
        return self.anchors("any").n_items

    def anchors(self, persona: str) -> GenerateAnchorsParams:
        """Return what is asked for to make one persona's anchors."""
        return GenerateAnchorsParams(
            workspace=self.workspace, persona=persona, n_candidates=self.n_candidates, seed=self.seed
        )


PARAMS_OF: dict[JobKind, type[JobParams]] = {
    "generate_images": GenerateImagesParams,
    "generate_anchors": GenerateAnchorsParams,
    "demo_history": DemoHistoryParams,
    "batch": BatchParams,
    "new_plan": NewPlanParams,
    "evaluate_pictures": EvaluatePicturesParams,
    "evaluate_video": EvaluateVideoParams,
    "export": ExportParams,
}
