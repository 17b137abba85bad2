"""Reach a generation provider, whichever it is, through one small protocol.

Good means: normalised answers, errors from one tree, seeds and time limits handed
in, and no secret or picture in any message. Vendor packages are imported by the
factory only when that vendor is asked for.
"""

from personalab_core.llm.client import (
    FindsImages,
    ImagePart,
    LLMClient,
    LLMImageResponse,
    LLMTextResponse,
    LLMVideoResponse,
    Part,
    ResumableImages,
    ResumableVideos,
    Seedable,
    Source,
    Usage,
)
from personalab_core.llm.factory import create_client
from personalab_core.llm.routing import RoutingClient, provider_of

__all__ = [
    "FindsImages",
    "ImagePart",
    "LLMClient",
    "LLMImageResponse",
    "LLMTextResponse",
    "LLMVideoResponse",
    "Part",
    "ResumableImages",
    "ResumableVideos",
    "RoutingClient",
    "Seedable",
    "Source",
    "Usage",
    "create_client",
    "provider_of",
]
