"""Ask providers for pictures, anchors and plans of a persona, and keep what comes as it came.

Good means: the anchor goes with every request, bytes are stored unchanged, a seed and
a prompt hash stand beside each of them, and nothing here judges who is in a picture.
"""

from personalab_core.generation.anchor_batch import (
    AnchorBatch,
    AnchorCheck,
    AnchorKind,
    AnchorPicture,
    AnchorProgress,
)
from personalab_core.generation.context import compute_config_hash, context_from_config
from personalab_core.generation.idea_generator import IdeaGenerator
from personalab_core.generation.image_generator import ImageGenerator
from personalab_core.generation.plan_store import PlanStore
from personalab_core.generation.prompt_structuring import structure_prompt, structure_video_prompt
from personalab_core.generation.prompt_writer import PromptWriter
from personalab_core.generation.references import load_anchor
from personalab_core.generation.requests import (
    GenerationRequest,
    GenerationResponse,
    ReferencePicture,
    Standing,
    Ticket,
)
from personalab_core.generation.retry_policy import RetryPolicy
from personalab_core.generation.transport import OnRetry, RetryNotice, ShouldStop, TransportResult, TransportRetry
from personalab_core.generation.video_files import StoredVideo, store_poster, store_video
from personalab_core.generation.video_generator import VideoGenerator

__all__ = [
    "AnchorBatch",
    "AnchorCheck",
    "AnchorKind",
    "AnchorPicture",
    "AnchorProgress",
    "GenerationRequest",
    "GenerationResponse",
    "IdeaGenerator",
    "ImageGenerator",
    "OnRetry",
    "PlanStore",
    "PromptWriter",
    "ReferencePicture",
    "RetryNotice",
    "RetryPolicy",
    "ShouldStop",
    "Standing",
    "StoredVideo",
    "Ticket",
    "TransportResult",
    "TransportRetry",
    "VideoGenerator",
    "compute_config_hash",
    "context_from_config",
    "load_anchor",
    "store_poster",
    "store_video",
    "structure_prompt",
    "structure_video_prompt",
]
