"""Frames that show nothing new: a video that stands still, or repeats frames."""

from __future__ import annotations

from collections.abc import Sequence

from personalab_core.quality.sharpness import Halvings, Picture

MAX_THUMB_WIDTH_PX = 128
MAX_MEAN_CHANGE = 0.6
MAX_PEAK_CHANGE = 8.0
"""Grey levels (of 255) by which a repeated frame may differ after encoding, on average and anywhere.

An encoder refines a repeated frame a little; a person who only blinks changes more somewhere. Of eight simulated H.264
clips, pairs of one frame differed by .38 and 6 at most, pairs of a moving person by 1.3 and 48 at least; not calibrated
on other encoders.
"""


def thumb(frame: Halvings) -> Picture:
    """Return a small copy of a grey frame, halved until encoding noise is averaged out."""
    n = 0
    while frame.level(n).shape[1] > MAX_THUMB_WIDTH_PX:
        n += 1
    return frame.level(n)


def shows_nothing_new(before: Picture, now: Picture) -> bool:
    """Return whether two thumbs are of one and the same frame."""
    import cv2

    if before.shape != now.shape:
        return False
    mean_change = cv2.norm(before, now, cv2.NORM_L1) / now.size
    return mean_change <= MAX_MEAN_CHANGE and cv2.norm(before, now, cv2.NORM_INF) <= MAX_PEAK_CHANGE


def longest_frozen_s(times_s: Sequence[float], duplicates: Sequence[bool]) -> float:
    """Return the longest time between a frame and the last of its unbroken repetitions.

    >>> longest_frozen_s([0.0, 0.2, 0.4, 0.6], [False, True, True, False])
    0.4
    """
    longest_s, began_s = 0.0, 0.0
    for time_s, duplicate in zip(times_s, duplicates, strict=True):
        began_s = began_s if duplicate else time_s
        longest_s = max(longest_s, time_s - began_s)
    return longest_s
