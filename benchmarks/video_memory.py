"""How much memory it takes to measure a 10-minute video in 4K, identity and quality, over a file of that length.

    python -m benchmarks.video_memory [--minutes 10] [--frames-per-second 24]

Two seconds are encoded, and their packets repeated with later times until the file is long enough, so that
making it costs little and nothing is extrapolated. Processes of their own measure a twentieth of it and all of it,
and report their peaks.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from personalab_core.identity import ArcFaceEvaluator, FaceRuntime
from personalab_core.identity.frame_extractor import FrameExtractor
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.orchestration import VideoMeter
from personalab_core.quality import PostProcessingGate, VideoQualityEvaluator
from personalab_core.simulation import PortraitRenderer, Scene, sample_identity, sample_style

SIZE_PX = (3840, 2160)
LOOP_S = 2


def write_long_video(path: Path, *, minutes: float, frames_per_second: int) -> Path:
    """Write an H.264 mp4 of this length; a bright field wanders over a ground with detail."""
    loop = _packets(path.with_suffix(".loop.mp4"), frames_per_second)
    with av.open(str(loop)) as source, av.open(str(path), "w") as target:
        template = source.streams.video[0]
        stream = target.add_stream_from_template(template)
        packets = [p for p in source.demux(template) if p.dts is not None]
        step = round(LOOP_S / template.time_base)
        for turn in range(round(minutes * 60 / LOOP_S)):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.pts, again.dts = packet.pts + turn * step, packet.dts + turn * step
                again.time_base, again.is_keyframe, again.stream = packet.time_base, packet.is_keyframe, stream
                target.mux(again)
    return path


def _packets(path: Path, frames_per_second: int) -> Path:
    width, height = SIZE_PX
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(60, 90, (135, 240, 3), dtype=np.uint8), SIZE_PX, interpolation=cv2.INTER_NEAREST)
    portrait = cv2.resize(drawn_portrait(), (1200, 1500))
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "30", "bf": "0"}
        stream = container.add_stream("libx264", rate=frames_per_second, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(LOOP_S * frames_per_second):
            picture = ground.copy()
            picture[300:1800, 600 + 20 * number :][:, :1200] = portrait
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, frames_per_second)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def drawn_portrait() -> np.ndarray:
    """The persona whose face wanders through the video, (600, 480, 3) uint8 BGR."""
    person = sample_identity(3)
    return PortraitRenderer().render(person, sample_style(person, 3), Scene(), width=480, height=600).image


def measure_through(path: Path, anchor: Path) -> tuple[int, float, float, float]:
    """Return sampled frames, coverage, the video's length in seconds, and this process's peak memory in MB."""
    meter = VideoMeter(
        evaluator=VideoIdentityEvaluator(ArcFaceEvaluator(FaceRuntime.load("simface"))),
        extractor=FrameExtractor(),
        quality=VideoQualityEvaluator(),
        gate=PostProcessingGate(),
        accept_threshold=0.55,
    )
    measured = meter.measure(anchor, path)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return len(measured.identity.frames), measured.identity.coverage, measured.facts.decoded_duration_s, peak_mb


def peak_of(path: Path, anchor: Path) -> tuple[int, float, float, float]:
    """Return the same as :func:`measure_through`, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.video_memory", "--measure", str(path), str(anchor)]
    n, *rest = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    coverage, duration_s, peak_mb = map(float, rest)
    return int(n), coverage, duration_s, peak_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--frames-per-second", type=int, default=24)
    parser.add_argument("--measure", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(*measure_through(*arguments.measure))
        return
    with tempfile.TemporaryDirectory() as folder:
        anchor = Path(folder) / "anchor.png"
        cv2.imwrite(str(anchor), drawn_portrait())
        for minutes in (arguments.minutes / 20, arguments.minutes):
            path = Path(folder) / "long.mp4"
            write_long_video(path, minutes=minutes, frames_per_second=arguments.frames_per_second)
            start = time.perf_counter()
            n, coverage, duration_s, peak_mb = peak_of(path, anchor)
            print(
                f"{SIZE_PX[0]} x {SIZE_PX[1]}, {duration_s:.0f} s at {arguments.frames_per_second} frames a second: "
                f"{n} frames measured, coverage {coverage:.0%}, peak {peak_mb:.0f} MB, "
                f"{time.perf_counter() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
