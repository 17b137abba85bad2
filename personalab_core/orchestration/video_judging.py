"""Takes what measuring a video has found into the run over its asset, whoever has measured it."""

from __future__ import annotations

from pathlib import Path

from personalab_core.orchestration.asset_run import AssetRun
from personalab_core.orchestration.video_measurement import VideoMeasurement
from personalab_core.orchestration.video_result import keep_measurement
from personalab_core.schemas import EvaluationResult


def take_video(
    run: AssetRun, found: VideoMeasurement | EvaluationResult, *, output_dir: Path, measure_s: float, stop: bool
) -> VideoMeasurement | None:
    """Store what was found beside the video and let it be judged; return it, ``None`` if nothing could be measured.

    Args:
        run: At its ``Measure`` step.
        found: The measurement, or only why there is none.
        output_dir: The workspace's output folder.
        measure_s: Wall-clock seconds that it took.
        stop: A person has cancelled: no other attempt is begun.

    Raises:
        WorkspaceError: The disk is full or the folder cannot be written.
    """
    if isinstance(found, EvaluationResult):
        run.measured(found, measure_s=measure_s, stop=stop)
        return None
    kept = keep_measurement(run.kept, found, output_dir) if run.kept is not None else None
    result = EvaluationResult(
        anchor_path=run.anchor_path, evaluator=found.identity.evaluator, candidates=(found.candidate,)
    )
    run.measured(result, measure_s=measure_s, stop=stop, kept=kept)
    return found
