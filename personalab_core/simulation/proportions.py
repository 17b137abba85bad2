"""The measurements of one face in centimetres: identity parameters turned into constrained proportions.

Units: centimetres in the head frame, eye line y = 0, x to image right, y up, z to the viewer. The constraints keep
every parameter vector inside what a face can be: parameters are not clipped, a feature that would touch its neighbour
moves on instead.
"""

import math
from dataclasses import dataclass

from personalab_core.simulation.identity import SimulatedIdentity

MIN_MOUTH_CHIN_CM, MAX_MOUTH_CHIN_CM = 3.75, 5.0
MIN_NOSE_MOUTH_CM = 1.75
MIN_JAW_CM, MIN_CHIN_CM = 5.1, 3.6
"""Least half widths of jaw and chin."""
MIN_BROW_EYE_CM = 1.62
NOSE_MOUTH_RATIO = (0.50, 0.76)
"""Allowed range of nose width over mouth width."""
MIN_INNER_EYE_GAP_CM = 2.5


@dataclass(frozen=True)
class FaceProportions:
    """Feature positions (y), half widths and heights in centimetres; see the module for the frame."""

    crown_y: float
    chin_y: float
    temple_hw: float
    cheek_hw: float
    jaw_hw: float
    chin_hw: float
    jaw_rise: float
    eye_x: float
    eye_hw: float
    lid_upper: float
    lid_lower: float
    eye_tilt_rad: float
    brow_y: float
    brow_start_x: float
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    nose_base_y: float
    nose_tip_y: float
    nose_hw: float
    nose_bridge: float
    nose_tip: float
    mouth_y: float
    mouth_hw: float
    lip_upper: float
    lip_lower: float
    hairline_y: float


def measure(identity: SimulatedIdentity) -> FaceProportions:
    """The constrained proportions of a person with a neutral expression."""
    v = identity.value
    nose_base = -4.25 - 0.42 * v("nose_len")
    mouth = min(nose_base - 2.0 - 0.3 * v("mouth_y"), nose_base - MIN_NOSE_MOUTH_CM)
    chin = max(min(-10.75 - 0.8 * v("chin_len"), mouth - MIN_MOUTH_CHIN_CM), mouth - MAX_MOUTH_CHIN_CM)
    eye_hw = 1.66 + 0.13 * v("eye_w")
    eye_x = max(3.14 + 0.22 * v("eye_sep") + 0.08 * v("face_w"), eye_hw + MIN_INNER_EYE_GAP_CM / 2)
    lid_upper = 0.63 + 0.12 * v("eye_open") + 0.05 * v("eye_w")
    brow_thickness = 0.46 + 0.13 * v("brow_thick")
    brow = max(2.12 + 0.36 * v("brow_y"), MIN_BROW_EYE_CM + 0.35 * (lid_upper - 0.63) + 0.4 * (brow_thickness - 0.46))
    mouth_hw = 2.55 + 0.27 * v("mouth_w")
    low, high = NOSE_MOUTH_RATIO
    nose_hw = min(max(1.58 + 0.24 * v("nose_w"), low * mouth_hw), high * mouth_hw)
    breadth = 1 + 0.045 * v("face_w")
    cheek = 6.95 * breadth + 0.32 * v("cheek_w")
    jaw = max(min(5.95 * breadth + 0.5 * v("jaw_w"), cheek - 0.2), MIN_JAW_CM)
    return FaceProportions(
        crown_y=11.2 + 0.8 * v("cranium"),
        chin_y=chin,
        temple_hw=7.1 * breadth + 0.28 * v("temple_w"),
        cheek_hw=cheek,
        jaw_hw=jaw,
        chin_hw=max(min(4.35 * breadth + 0.42 * v("jaw_w") + 0.3 * v("chin_square"), jaw - 0.6), MIN_CHIN_CM),
        jaw_rise=4.5 + 0.9 * v("jaw_angle"),
        eye_x=eye_x,
        eye_hw=eye_hw,
        lid_upper=lid_upper,
        lid_lower=0.45 + 0.06 * v("eye_open"),
        eye_tilt_rad=0.06 + 0.085 * v("eye_tilt"),
        brow_y=brow,
        brow_start_x=1.02 - 0.12 * v("brow_len"),
        brow_length=4.15 + 0.4 * v("brow_len"),
        brow_thickness=brow_thickness,
        brow_arch=0.42 + 0.26 * v("brow_arch"),
        brow_tilt=0.22 * v("brow_tilt"),
        nose_base_y=nose_base,
        nose_tip_y=nose_base + 0.95 + 0.26 * v("tip_up"),
        nose_hw=nose_hw,
        nose_bridge=0.95 + 0.28 * v("bridge_h"),
        nose_tip=2.5 + 0.34 * v("tip_proj"),
        mouth_y=mouth,
        mouth_hw=mouth_hw,
        lip_upper=0.60 + 0.16 * v("lip_up"),
        lip_lower=0.84 + 0.19 * v("lip_lo"),
        hairline_y=6.25 + 0.5 * v("hairline") + 1.1 * max(0.0, v("masc")) * max(0.0, v("age")),
    )


def brow_centre_y(face: FaceProportions, along: float) -> float:
    """Height of the eyebrow's middle line at `along` in [0, 1] from its inner to its outer end."""
    arch = face.brow_arch * math.sin(along * math.pi * 0.86)
    return face.brow_y - 0.15 + arch + face.brow_tilt * (along - 0.4) - 0.5 * along**3
