"""Draw a planned clip frame by frame and encode it as a real H.264 file that says what it is."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import orjson

from personalab_core.errors import MissingDependencyError
from personalab_core.llm.simulated_video import FRAMES_PER_SECOND, ClipPlan, VideoFault, wrapped
from personalab_core.simulation import PortraitRenderer, Rendering, Scene, SimulatedIdentity, interpolate

METADATA_KEY = "comment"
"""The mp4 tag that carries the truth about a clip as JSON."""

_SLIDE_STEPS = 8
_FLICKER = (1.1, 0.5)
"""Brightness of every other frame."""

Picture = npt.NDArray[np.uint8]


def film(renderer: PortraitRenderer, plan: ClipPlan) -> bytes:
    """Return the clip as mp4 (H.264, no sound).

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    import cv2

    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "Simulated videos need the 'av' package, which is not installed. Install it with: pip install av"
        ) from error
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        container.metadata[METADATA_KEY] = orjson.dumps(plan.truth()).decode()
        # Without x264's macroblock tree, whose sums differ from run to run where a side is no multiple of 16.
        options = {"preset": "veryfast", "crf": "18", "x264-params": "no-mbtree=1"}
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        # One thread, so that equal seeds give equal bytes on every machine.
        stream.thread_count = 1
        stream.codec_context.time_base = Fraction(1, FRAMES_PER_SECOND)
        for image in pictures(renderer, plan):
            # Converted here: FFmpeg's own conversion differs a little with where a picture lies in memory.
            planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())
    return buffer.getvalue()


def pictures(renderer: PortraitRenderer, plan: ClipPlan) -> Iterator[Picture]:
    """Yield the frames as (H, W, 3) uint8 BGR."""
    start_s, end_s = plan.window_s
    held: Picture | None = None
    for number in range(plan.n_frames):
        time_s = number / FRAMES_PER_SECOND
        inside = start_s <= time_s < end_s
        if plan.fault is VideoFault.FROZEN and inside and held is not None:
            yield held
            continue
        rendering = _draw(renderer, plan, time_s, number, inside=inside)
        held = _finished(plan, rendering, number) if inside else rendering.image
        yield held


def _draw(renderer: PortraitRenderer, plan: ClipPlan, time_s: float, number: int, *, inside: bool) -> Rendering:
    still = plan.still
    scene = plan.motion.scene(still.scene, time_s, number)
    others = tuple((who, style, plan.motion.scene(how, time_s + 0.7, number)) for who, style, how in still.others)
    if inside:
        scene = _spoilt(plan, scene, time_s)
    return renderer.render(
        _shown(plan, time_s, inside=inside), still.style, scene, width=plan.width, height=plan.height, others=others
    )


def _shown(plan: ClipPlan, time_s: float, *, inside: bool) -> SimulatedIdentity:
    start_s, end_s = plan.window_s
    if plan.fault is VideoFault.SWAP and inside:
        return plan.other
    if plan.fault is VideoFault.IDENTITY_SLIDE and time_s >= start_s:
        # In steps, since each identity's layers are built once and kept.
        done = min(1.0, math.ceil(_SLIDE_STEPS * (time_s - start_s) / (end_s - start_s)) / _SLIDE_STEPS)
        return interpolate(plan.still.identity, plan.other, done)
    return plan.still.identity


def _spoilt(plan: ClipPlan, scene: Scene, time_s: float) -> Scene:
    start_s, end_s = plan.window_s
    done = (time_s - start_s) / (end_s - start_s)
    if plan.fault is VideoFault.TONAL_DRIFT:
        return replace(scene, exposure=scene.exposure * (1 - 0.45 * done), warmth=scene.warmth + 0.3 * done)
    if plan.fault is VideoFault.BLUR:
        return replace(scene, blur_sigma_px=0.009 * min(plan.width, plan.height))
    if plan.fault is VideoFault.TURNED_AWAY:
        turn = 150.0 * math.sin(math.pi * min(max(done, 0.0), 1.0)) ** 0.5
        return replace(scene, yaw_deg=wrapped(scene.yaw_deg + turn))
    return scene


def _finished(plan: ClipPlan, rendering: Rendering, number: int) -> Picture:
    """Return the picture with the faults that come after drawing."""
    import cv2

    if plan.fault is VideoFault.HIDDEN:
        return _behind_something(rendering)
    if plan.fault is VideoFault.FLICKER:
        return np.asarray(cv2.convertScaleAbs(rendering.image, alpha=_FLICKER[number % 2]), np.uint8)
    return rendering.image


def _behind_something(rendering: Rendering) -> Picture:
    """Return the picture with something dark and plain in front of the face."""
    image = rendering.image.copy()
    height, width = image.shape[:2]
    x0, y0, x1, y1 = rendering.faces[0].box
    margin = 0.25 * (x1 - x0)
    top, bottom = max(0, round(y0 - margin)), min(height, round(y1 + margin))
    left, right = max(0, round(x0 - margin)), min(width, round(x1 + margin))
    image[top:bottom, left:right] = (46, 42, 40)
    return image
