"""``personalab evaluate --video``: is it the same person in every moment, and how are the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from personalab_core.cli.context import DONE, NOT_ACCEPTED, note, number, print_json, print_table, say

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.orchestration import VideoMeasurement
    from personalab_core.schemas import PolicyVerdict


def evaluate_videos(config: Config, anchor: Path, videos: Sequence[Path], *, as_json: bool) -> None:
    """Measure videos against an anchor and say what was found.

    Raises:
        AnchorMissingError: There is no anchor file.
        InputError: The anchor has no measurable face, or a video cannot be decoded.
        Exit: Always: 0 if every video is accepted, else 1.
    """
    from personalab_core.cli.progress import progress_bar
    from personalab_core.jobs.evaluating import require_instrument
    from personalab_core.jobs.studio import Studio
    from personalab_core.jobs.videos import measure_video

    instrument = require_instrument(Studio(config, announce=note))
    studio = Studio(config, evaluator=instrument)
    found: list[tuple[VideoMeasurement, PolicyVerdict]] = []
    with progress_bar("Measuring", len(videos), quiet=as_json) as advance:
        for index, path in enumerate(videos):
            advance(index, path.name)
            found.append(measure_video(studio, anchor, path))
        advance(len(videos), "")
    if as_json:
        print_json({"anchor": anchor, "evaluator": instrument.info, "videos": [document(*pair) for pair in found]})
    else:
        for pair in found:
            _print(*pair)
        say(f"{sum(v.decision == 'accept' for _, v in found)} of {len(found)} accepted.")
    raise typer.Exit(DONE if all(verdict.decision == "accept" for _, verdict in found) else NOT_ACCEPTED)


def document(measured: VideoMeasurement, verdict: PolicyVerdict) -> dict[str, Any]:
    """Return everything found in a video, every frame included, for programs."""
    return {
        "path": measured.identity.video_path,
        "decision": verdict.decision.value,
        "sentence": verdict.sentence,
        "complete": measured.facts.complete,
        "duration_s": measured.facts.decoded_duration_s,
        "identity": measured.identity,
        "quality": measured.quality,
        "advice": measured.advice,
    }


def _print(measured: VideoMeasurement, verdict: PolicyVerdict) -> None:
    say(f"{Path(measured.identity.video_path).name}: {verdict.decision.value}. {verdict.sentence}")
    print_table("", ("what", "#value"), [*_identity_rows(measured), *_quality_rows(measured)])
    if not measured.facts.complete:
        note("The file breaks off before its end; only what could be decoded was measured.")
    if measured.advice is not None:
        say(measured.advice.sentence)
    say()


def _identity_rows(measured: VideoMeasurement) -> list[tuple[str, str]]:
    identity = measured.identity
    worst, below = identity.worst_frame, number(identity.below_threshold)
    rows = [
        ("frames with a usable face", f"{round(identity.coverage * len(identity.frames))} of {len(identity.frames)}"),
        ("mean score", number(identity.mean_composite_score)),
        ("lowest 5 %", number(identity.fifth_percentile_composite)),
        ("worst frame at", _seconds(worst.time_s if worst else None)),
        (f"longest below {below}", _seconds(identity.longest_below_threshold_s)),
    ]
    rows += [(f"somebody else from {swap.start_s:.1f} s", _until(swap.end_s)) for swap in identity.swaps]
    return [*rows, ("could have missed events up to", _seconds(identity.shortest_missable_event_s))]


def _quality_rows(measured: VideoMeasurement) -> list[tuple[str, str]]:
    quality = measured.quality
    if quality is None:
        return []
    return [
        ("sharpness beside the anchor", number(quality.mean_sharpness_ratio)),
        ("sharpness of the face", number(quality.mean_face_sharpness_ratio)),
        (f"largest {quality.histogram_method} step", number(quality.max_histogram_distance)),
        ("frozen at most", _seconds(quality.longest_frozen_s)),
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _until(end_s: float | None) -> str:
    return "to the end" if end_s is None else f"to {end_s:.1f} s"
