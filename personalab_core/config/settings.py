"""Every setting with its type and range. The default values are in ``data/config/defaults.yml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from personalab_core.config.section import OpenSection, Section

ProfileName = Literal["simulated", "default"]

Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]
AspectRatio = Annotated[str, Field(pattern=r"^[1-9]\d{0,3}:[1-9]\d{0,3}$")]


class ModelSettings(Section):
    """Which provider and which of its models serve one modality.

    ``base_url`` is the server of the provider ``openai_compatible``. ``reference_input`` is the
    model's own input key for reference pictures, for image models that the table of models
    does not know; ``row`` says anything else that differs from that table. ``http`` says how
    the provider ``http`` is spoken to (``llm/http_recipe.py``).
    """

    provider: Name
    model_name: Name
    base_url: Name | None = None
    reference_input: Name | None = None
    row: dict[str, Any] | None = None
    http: dict[str, Any] | None = None


class ModelsSettings(Section):
    """One model per modality."""

    text: ModelSettings
    image: ModelSettings
    video: ModelSettings


class ImageSettings(Section):
    """Shape of generated pictures; ``provider`` is the row of limits that applies."""

    provider: Name
    aspect_ratio: AspectRatio


class VideoSettings(Section):
    """Shape of generated videos; ``provider`` is the row of limits that applies."""

    provider: Name
    aspect_ratio: AspectRatio
    resolution: Name


class GenerationSettings(Section):
    """What is asked of the providers."""

    image: ImageSettings
    video: VideoSettings


class PathsSettings(Section):
    """Where the workspace's folders are; absolute."""

    output: Path
    references: Path
    prompts: Path
    personas: Path
    imports: Path
    jobs: Path


class EmbeddingSettings(Section):
    """The recogniser: backend, model pack, cosine similarity floor."""

    backend: Literal["arcface", "dlib", "stub"]
    model_name: Name
    similarity_threshold: Fraction


class GeometricSettings(Section):
    """The landmark comparison; the threshold is the base of the adaptive one."""

    enabled: bool
    max_normalized_error: Fraction


class WeightsSettings(Section):
    """Shares of the composite score; they are normalised to sum 1 where they are used."""

    embedding: NonNegative
    geometric: NonNegative

    @model_validator(mode="after")
    def _not_both_zero(self) -> Self:
        if self.embedding + self.geometric <= 0:
            raise ValueError("at least one weight must be above 0")
        return self


class ScoringSettings(Section):
    """How the composite score is formed and judged."""

    weights: WeightsSettings
    accept_threshold: Fraction
    retry_threshold: Fraction
    policy_mode: Literal["composite_only", "strict"]

    @model_validator(mode="after")
    def _thresholds_in_order(self) -> Self:
        if self.retry_threshold > self.accept_threshold:
            raise ValueError(
                f"retry_threshold ({self.retry_threshold}) must not be above accept_threshold ({self.accept_threshold})"
            )
        return self


class AttemptsSettings(Section):
    """How often one asset is tried."""

    max_attempts: Count


class AlertSettings(Section):
    """Where events of the drift monitor are sent; the address and the key stand in the environment."""

    url_env: str
    secret_env: str
    format: Literal["generic", "slack"]


class DriftSettings(Section):
    """The timeline of every persona."""

    enabled: bool
    log_dir: Path
    alerts: AlertSettings


class SharpnessSettings(Section):
    """Frame Laplacian variance over the anchor's."""

    min_ratio: NonNegative


class IlluminationSettings(Section):
    """Histogram distance of neighbouring frames."""

    max_histogram_distance: NonNegative
    method: Literal["bhattacharyya", "chi_squared", "correlation"]


class PostProcessingSettings(Section):
    """When repairs are advised, and whether exports do what is advised."""

    auto_sharpen: bool
    auto_super_res: bool
    max_embedding_std: NonNegative
    max_geometric_variance: NonNegative


class QualitySettings(Section):
    """Visual quality; advisory, apart from identity."""

    enabled: bool
    sharpness: SharpnessSettings
    illumination: IlluminationSettings
    post_processing: PostProcessingSettings


class EvaluationSettings(Section):
    """How candidates are measured and judged."""

    embedding: EmbeddingSettings
    geometric: GeometricSettings
    scoring: ScoringSettings
    retry: AttemptsSettings
    drift: DriftSettings
    quality: QualitySettings


class ProviderLimits(OpenSection):
    """Calls in flight at a time, per provider; ``default`` serves the names not listed."""

    __pydantic_extra__: dict[str, Count]
    default: Count


class RateLimits(OpenSection):
    """Requests per second, per provider; ``default`` serves the names not listed."""

    __pydantic_extra__: dict[str, Positive]
    default: Positive


class TransportRetrySettings(Section):
    """Waiting between tries of one call: ``backoff_base * backoff_factor ** n`` seconds, at most ``backoff_max``.

    ``retry_ambiguous`` also repeats calls that were never answered and may have been paid already.
    """

    max_retries: Annotated[int, Field(ge=0)]
    backoff_base: NonNegative
    backoff_max: NonNegative
    backoff_factor: Annotated[float, Field(ge=1)]
    retry_ambiguous: bool


class RuntimeSettings(Section):
    """How many things happen at a time."""

    max_concurrent_jobs: Count
    eval_pool_workers: Count
    eval_timeout_s: Positive
    provider_limits: ProviderLimits
    rate_limits: RateLimits
    retry: TransportRetrySettings


class BudgetSettings(Section):
    """What generation may cost; a limit that is ``None`` does not limit.

    Checked before every call with the most that it can cost. ``unknown_price_counts_as`` is
    that price where no table bounds it. Simulated calls cost nothing.
    """

    currency: Literal["USD"]
    per_run: NonNegative | None
    per_persona: NonNegative | None
    per_day: NonNegative | None
    unknown_price_counts_as: NonNegative


class PublishingSettings(Section):
    """How files leave: marked as AI-generated, unless ``mark`` is off.

    ``c2pa`` signs where c2pa-python is installed (``auto``), always (``required``) or never (``off``).
    Without ``certificate`` and ``private_key`` a development certificate is made and called so.
    """

    mark: bool
    c2pa: Literal["auto", "required", "off"]
    certificate: Path | None
    private_key: Path | None
    certificate_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]
    disclosure: str
    upscaler: Name

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("give certificate and private_key, or neither")
        return self


class Settings(Section):
    """All sections."""

    models: ModelsSettings
    generation: GenerationSettings
    paths: PathsSettings
    evaluation: EvaluationSettings
    runtime: RuntimeSettings
    budget: BudgetSettings
    publishing: PublishingSettings
