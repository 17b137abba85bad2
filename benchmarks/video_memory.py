"""How much memory it takes to sample a 10-minute video in 4K, measured over a file of that length.

    python -m benchmarks.video_memory [--minutes 10] [--frames-per-second 24]

Two seconds are encoded, and their packets repeated with later times until the file is long enough, so that
making it costs little and nothing is extrapolated. A process of its own reads it and reports its peak.
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
import numpy as np

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
    ground = np.random.default_rng(0).integers(60, 90, (height // 16, width // 16), dtype=np.uint8)
    ground = np.kron(ground, np.ones((16, 16), np.uint8))
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "30", "bf": "0"}
        stream = container.add_stream("libx264", rate=frames_per_second, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(LOOP_S * frames_per_second):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = ground
            planes[500:900, 20 * number : 20 * number + 400] = 200
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, frames_per_second)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_through(path: Path) -> tuple[int, float, float]:
    """Return sampled frames, the video's length in seconds, and this process's peak memory in MB."""
    from personalab_core.identity.frame_extractor import FrameExtractor
    from personalab_core.quality import VideoQualityEvaluator

    reading = FrameExtractor().read(path)
    watch, n = None, 0
    for frame in reading:
        watch = watch or VideoQualityEvaluator().watch(frame.image)
        watch.add(frame.luma, time_s=frame.position.time_s)
        n += 1
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return n, reading.facts.decoded_duration_s, peak_mb


def peak_of(path: Path) -> tuple[int, float, float]:
    """Return the same as :func:`read_through`, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.video_memory", "--read", str(path)]
    n, duration_s, peak_mb = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(n), float(duration_s), float(peak_mb)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--frames-per-second", type=int, default=24)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(*read_through(arguments.read))
        return
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (arguments.minutes / 20, arguments.minutes):
            path = Path(folder) / "long.mp4"
            write_long_video(path, minutes=minutes, frames_per_second=arguments.frames_per_second)
            start = time.perf_counter()
            n, duration_s, peak_mb = peak_of(path)
            print(
                f"{SIZE_PX[0]} x {SIZE_PX[1]}, {duration_s:.0f} s at {arguments.frames_per_second} frames a second: "
                f"{n} frames sampled, peak {peak_mb:.0f} MB, {time.perf_counter() - start:.0f} s"
            )


if __name__ == "__main__":
    main()
