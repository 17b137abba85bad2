"""Generate, measure, decide, record: the attempt loop and those who drive it.

Good means: decisions come from a state machine without I/O, so that every driver
decides the same, and each attempt leaves one complete record, however it ended.
"""

from personalab_core.orchestration.events import (
    AssetFinished,
    AttemptFinished,
    AttemptStarted,
    Event,
    OnEvent,
    PictureStored,
    TransportRetried,
)
from personalab_core.orchestration.loop import AttemptLoop, AttemptPolicy, PatchSource
from personalab_core.orchestration.orchestrator import GenerationOrchestrator
from personalab_core.orchestration.overrides import OverrideWriter
from personalab_core.orchestration.registry import RegistryWriter
from personalab_core.orchestration.result import GenerationResult
from personalab_core.orchestration.transport import TransportResult, TransportRetry
from personalab_core.orchestration.video_measurement import VideoMeasurement, VideoMeter
from personalab_core.orchestration.video_orchestrator import VideoOrchestrator
from personalab_core.orchestration.video_result import VideoAttemptResult, VideoReport, VideoResult, read_report
from personalab_core.orchestration.workbench import AssetRequest, Chance, Fittings, Workbench

__all__ = [
    "AssetFinished",
    "AssetRequest",
    "AttemptFinished",
    "AttemptLoop",
    "AttemptPolicy",
    "AttemptStarted",
    "Chance",
    "Event",
    "Fittings",
    "GenerationOrchestrator",
    "GenerationResult",
    "OnEvent",
    "OverrideWriter",
    "PatchSource",
    "PictureStored",
    "RegistryWriter",
    "TransportResult",
    "TransportRetried",
    "TransportRetry",
    "VideoAttemptResult",
    "VideoMeasurement",
    "VideoMeter",
    "VideoOrchestrator",
    "VideoReport",
    "VideoResult",
    "Workbench",
    "read_report",
]
