"""Hair: a shell around the skull from crown to hair ends, strands in its texture, loose ones at its outline.

Its rows follow the hair from the crown (s = 0) to its end (s = 1), its columns are azimuths. Style decides where
the hair ends at each azimuth and how thick it stands; short hair is cropped at the sides and fuller on top, long hair
hangs in curtains. Everything here depends on identity and style only and is cached; shading happens per picture.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.colour import hair_colour
from personalab_core.simulation.curves import (
    F32,
    FloatArray,
    Window,
    ramp,
    smooth_row,
    smoothstep,
    surface_frame,
    tinted,
)
from personalab_core.simulation.head import TEMPLE_Y, Head
from personalab_core.simulation.identity import Style
from personalab_core.simulation.light import Light

HAIR_STEP = 6
"""Texels per mesh cell of the shell; its grid is a multiple of it plus one each way."""
BALD_BELOW = 0.03
"""Below this length (0..1) there is only a tinted scalp."""
_CM_PER_RADIAN = 9.0

Profile = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HairLine:
    """Where hair grows and ends: all (n,) arrays over azimuth."""

    azimuth: Profile
    end_y: Profile
    root_y: Profile
    fringe: float
    long: float
    length: float
    opening_deg: float


@dataclass(frozen=True, eq=False)
class Hair:
    """The shell of one hair style on one head; arrays (rows, columns[, 3]), never written to.

    The alphas are opacities with 255 = opaque, all else is float32.
    """

    line: HairLine
    points: FloatArray
    normals: FloatArray
    bumpy_normals: FloatArray
    tangents: FloatArray
    strands: FloatArray
    albedo: FloatArray
    alpha: NDArray[np.uint8]
    inner_alpha: NDArray[np.uint8]
    occlusion: FloatArray
    colour: FloatArray
    curly: float
    wisps: FloatArray
    wisp_normals: FloatArray


def length_of(style: Style) -> float:
    """Hair length in [0, 1]: 0 shaved, .5 chin, 1 chest."""
    return float(np.clip((style.length + 1) / 2, 0, 1))


def hair_line(head: Head, style: Style, columns: int) -> HairLine:
    """Where this style's hair grows and ends on this head."""
    q = np.linspace(-1, 1, columns)
    azimuth = math.pi * (0.55 * q + 0.45 * q**3)
    deg, signed = np.degrees(np.abs(azimuth)), np.degrees(azimuth)
    v, length = head.identity.value, length_of(style)
    recede = max(0.0, v("masc")) * max(0.0, v("age"))
    fringe = ramp(0.15, 0.5, style.fringe) * ramp(0.2, 0.35, length)
    long = ramp(0.48, 0.56, length)
    rooted = head.face.hairline_y
    swoop = 0.3 * np.sin(np.radians(signed * 2.2)) * np.sign(style.part)
    swept = 1.1 * np.sin(np.radians(signed)) * style.part
    front = rooted * (1 - fringe) + (3.35 + swept) * fringe + swoop * (1 - fringe)
    corner = 43 - 6 * recede
    dip = np.interp(
        deg,
        [0, 16, corner - 9, corner + 3, 57, 68, 180],
        [
            0,
            0.15 + 0.3 * recede,
            0.6 * (1 - fringe) + 1.3 * recede,
            0.5 * recede - 0.9 * fringe,
            -2.2 - fringe,
            -2.6 - 1.6 * fringe,
            -2.6,
        ],
    )
    front_y = front + dip
    drop = 26.0 * float(np.clip((length - 0.48) / 0.52, 0, 1)) ** 1.1
    side = (0.7 - 4.0 * length) * (1 - long) + (-4.5 - drop) * long
    nape = (-4.0 - 3.5 * length) * (1 - long) + (-5.3 - drop) * long
    region = np.interp(deg, [0, 56 + 8 * long, 70 + 8 * long, 84, 98, 116, 180], [0, 0, 1, 1, 1, 2, 2])
    end = np.where(region <= 1, front_y + (side - front_y) * np.clip(region, 0, 1), side + (nape - side) * (region - 1))
    end = end + (1 - long) * 2.4 * np.exp(-(((deg - 97) / 11.0) ** 2))
    root = np.where(region <= 0, front_y, front_y + (-1.2 - front_y) * np.clip(region, 0, 1))
    if long > 0.5:
        end = np.where(deg < 112, side, end)
    return HairLine(azimuth, smooth_row(end, columns // 36), root, fringe, long, length, 58.0 + 3 * style.volume)


def build_hair(head: Head, style: Style, columns: int) -> Hair | None:
    """The shell; None when the head is shaved."""
    if length_of(style) < BALD_BELOW:
        return None
    line = hair_line(head, style, columns)
    curly = ramp(0.4, 0.8, style.wave) * min(1.0, 3 * line.length)
    points, edge, path = _shell(head, style, line, curly)
    normals, tangents = surface_frame(points)
    tangents = tangents / (np.linalg.norm(tangents, axis=2, keepdims=True) + F32(1e-6))
    strands = _strands(line, style, path, curly, points.shape[:2])
    bumpy = normals.copy()
    bumpy[..., 0] += np.gradient(strands, axis=1) * F32(0.9 * columns / 300)
    bumpy /= np.linalg.norm(bumpy, axis=2, keepdims=True) + F32(1e-6)
    colour = hair_colour(head.identity)
    part = np.exp(-(((points[..., 0] - F32(style.part * 4.2)) / F32(0.45)) ** 2))
    part = part * (points[..., 1] > 6.5) * (points[..., 2] > -3) * (1 - line.fringe) * ramp(0.15, 0.3, line.length)
    albedo = colour * np.clip(1 + 0.60 * strands, 0.3, 1.8)[..., None] * (1 - 0.4 * part)[..., None]
    occlusion = np.clip(0.66 + 0.34 * np.clip(edge / 3.0, 0, 1) + 0.25 * line.long, 0, 1)
    alpha, inner_alpha = (_alpha(line, style, points, edge, strands, curly, inner=inner) for inner in (False, True))
    wisps = _wisps(points, normals, tangents, alpha, line, style, curly)
    return Hair(
        line, points, normals, bumpy, tangents, strands, np.asarray(albedo, F32),
        _opacity(alpha), _opacity(inner_alpha), np.asarray(occlusion, F32), colour, curly, *wisps,
    )  # fmt: skip


def _shell(head: Head, style: Style, line: HairLine, curly: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points of the shell, distance to the hair ends (cm) and path angle (radians from the crown)."""
    columns, length, long, face = len(line.azimuth), line.length, line.long, head.face
    rows = int(columns * 0.9) // HAIR_STEP * HAIR_STEP + 1
    height = face.crown_y - TEMPLE_Y
    thick = 0.30 + 1.0 * ramp(0.02, 0.35, length) + 0.25 * long + 0.42 * style.volume * ramp(0.08, 0.3, length)
    thick = max(0.2, thick + 0.9 * curly * min(1.0, 2.5 * length))
    dome_end = np.arccos(np.clip((line.end_y - TEMPLE_Y) / height, -1, 1))
    end_angle = np.where(line.end_y > TEMPLE_Y, dome_end, math.pi / 2 + (TEMPLE_Y - line.end_y) / _CM_PER_RADIAN)
    s = np.linspace(0.012, 1, rows)[:, None]
    path = s * end_angle[None]
    dome = np.minimum(path, math.pi / 2)
    y = np.where(
        path < math.pi / 2,
        TEMPLE_Y + (height + thick * 1.05) * np.cos(dome),
        TEMPLE_Y - (path - math.pi / 2) * _CM_PER_RADIAN,
    )
    low = np.maximum(0, TEMPLE_Y - y)
    edge = (1 - s) * end_angle[None] * _CM_PER_RADIAN
    th = thick * _thickness_profile(line, style, y, low, edge, thick)
    rng = np.random.default_rng(4242)
    clump = cv2.resize(rng.random((7, 30), dtype=F32) - F32(0.5), (columns, rows), interpolation=cv2.INTER_CUBIC)
    blob = cv2.resize(rng.random((26, 60), dtype=F32) - F32(0.5), (columns, rows), interpolation=cv2.INTER_CUBIC)
    th = th * (1 + 0.34 * clump * min(1.0, thick) + 0.5 * curly * blob)
    cropped = 1 - (1 - long) * (1 - curly * 0.6) * 0.72 * np.clip((8.6 - y) / 5.0, 0, 1)
    radius = np.sin(dome)
    flare = long * (0.30 * np.sin(low / 4.5) + 0.02 * low * (1 + 0.6 * style.volume)) * (path > math.pi / 2)
    side_of_skull, back_of_skull = _skull_outline(head, y)
    side_of_skull += (face.temple_hw - side_of_skull) * long
    back_of_skull += (10.0 - np.clip(low / 14.0, 0, 1) * 2.6 - back_of_skull) * long
    half_width = (side_of_skull + 0.92 * th * cropped) * radius + flare
    depth = (9.35 + th) * radius**0.94
    back = (back_of_skull + th * (0.35 + 0.65 * cropped)) * radius
    c, sn = np.cos(line.azimuth)[None], np.sin(line.azimuth)[None]
    rr = (np.abs(c) ** 2.1 + np.abs(sn) ** 2.1) ** (-1 / 2.1)
    x = half_width * sn * rr
    z = np.where(c > 0, c * rr * depth, c * rr * back)
    z = z - long * np.clip(low / 9, 0, 1) * 2.0 * smoothstep(-0.6, 0.1, c)
    waviness = 0.5 * ramp(-0.1, 0.6, style.wave) * np.clip(low / 5, 0, 1)
    x = x + waviness * np.sin(y * 1.05 + 2 * sn) * np.sign(sn) * 0.6
    groove = np.exp(-(((x - style.part * 4.2) / 0.6) ** 2)) * (path < 1.35) * (y > 6) * (z > -3)
    y = y - 0.30 * groove * min(1.0, thick) * (1 - line.fringe)
    return np.stack([x, y, z], -1).astype(F32), edge.astype(F32), path.astype(F32)


def _skull_outline(head: Head, y: Profile) -> tuple[Profile, Profile]:
    """Half width and back depth of the skull below the temples at heights `y`; above them its greatest ones."""
    rows = slice(int(np.argmin(np.abs(head.row_y - TEMPLE_Y))), head.jaw_row + 1)
    side = int(np.argmin(np.abs(head.azimuth - math.radians(100))))
    at_side, at_back = head.points[rows, side][::-1], head.points[rows, 0][::-1]
    return np.interp(y, at_side[:, 1], at_side[:, 0]), np.interp(y, at_back[:, 1], -at_back[:, 2])


def _thickness_profile(
    line: HairLine, style: Style, y: Profile, low: Profile, edge: Profile, thick: float
) -> NDArray[np.float64]:
    """Relative thickness: taper to every edge, a lifted front on short swept hair, curtains that stay full."""
    deg = np.degrees(np.abs(line.azimuth))[None]
    taper = np.clip(edge / (2.4 + thick), 0, 1) ** (0.75 - 0.25 * line.long)
    taper = np.maximum(taper, np.clip((low - 2) / 4, 0, 1) * line.long * 0.9)
    if line.long > 0.5:
        above = np.clip((y - line.root_y[None]) / (2.2 + thick), 0, 1) ** 0.5
        beside = np.clip((deg - line.opening_deg + 6) / 14.0, 0, 1)
        taper = np.minimum(taper, np.maximum(above, beside))
    lift = (1 - line.fringe) * (1 - line.long) * ramp(0.15, 0.4, line.length) * (0.65 + 0.35 * style.volume)
    crest = np.exp(-(((edge - 3.2) / 2.2) ** 2)) * smoothstep(62, 25, deg)
    sided = 1 + 0.35 * np.sign(style.part) * -np.sin(line.azimuth)[None]
    floor = 0.05 + 0.18 * line.long
    profile: NDArray[np.float64] = floor + (1 - floor) * taper + lift * crest * sided * 0.75
    return profile


def _strands(line: HairLine, style: Style, path: FloatArray, curly: float, shape: tuple[int, int]) -> FloatArray:
    """Strand pattern in about [-1, 1], swept to the side of the parting, wavy, or broken into curls."""
    rows, n = shape
    rng = np.random.default_rng(777)
    u = np.broadcast_to(np.arange(n, dtype=F32)[None], shape)
    v = np.broadcast_to(np.arange(rows, dtype=F32)[:, None], shape)
    side = -np.sign(style.part) * (0.5 + 0.5 * abs(style.part)) * (1 - 0.6 * line.fringe)
    ahead = np.clip(np.cos(line.azimuth)[None] + 0.45, 0, 1).astype(F32)
    # Without a fringe the strands part: they run away from the parting on their way to the forehead.
    part = int(np.argmin(np.abs(line.azimuth - 0.45 * style.part)))
    spread = 1 + F32(0.8 * (1 - line.fringe)) * np.minimum(path, 1.5) * ahead
    sweep = F32(0.04 * n * side) * np.sin(np.minimum(path, 1.5) * F32(1.05)) * ahead
    wave = F32(n * 0.008 * max(0.0, style.wave + 0.3)) * np.sin(
        path * 9 + 2 * np.sin(line.azimuth * 7)[None].astype(F32)
    )
    fine = cv2.GaussianBlur(rng.random((1, n), dtype=F32) - F32(0.5), (0, 0), max(0.6, n / 320.0)) * F32(2.0)
    locks = cv2.GaussianBlur(rng.random((1, n), dtype=F32) - F32(0.5), (0, 0), n / 90.0) * F32(3.6)
    along = 1 + 0.45 * cv2.resize(rng.random((8, n // 6), dtype=F32) - F32(0.5), (n, 8))
    pattern = np.asarray(np.repeat(fine + locks, 8, 0) * along, F32)
    strands = cv2.remap(
        pattern,
        (part + (u - part) / spread + sweep + wave).astype(F32),
        v * F32(7.0 / rows),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    if curly > 0.05:
        curls = cv2.resize(rng.random((46, 100), dtype=F32) - F32(0.5), (n, rows), interpolation=cv2.INTER_CUBIC)
        strands = strands * F32(1 - 0.6 * curly) + curls * F32(0.95 * curly)
    return np.asarray(strands, F32)


def _alpha(
    line: HairLine,
    style: Style,
    points: FloatArray,
    edge: FloatArray,
    strands: FloatArray,
    curly: float,
    *,
    inner: bool,
) -> FloatArray:
    """Opacity: strands of uneven length at the ends, soft roots along the hairline, the face left open."""
    n = len(line.azimuth)
    rng = np.random.default_rng(778)
    deg = np.degrees(np.abs(line.azimuth)).astype(F32)[None]
    uneven = rng.random((1, n), dtype=F32) * F32(0.55)
    uneven = uneven + cv2.GaussianBlur(rng.random((1, n), dtype=F32), (0, 0), n / 90.0) * F32(0.9)
    reach = 0.16 + 0.95 * max(line.fringe, line.long)
    soft = 0.45 + 0.25 * (1 - line.fringe) + 0.3 * line.long
    alpha = np.clip((edge - uneven * F32(reach)) / F32(soft), 0, 1)
    if line.long > 0.5:
        roots = np.clip((points[..., 1] - line.root_y[None].astype(F32) - uneven * F32(0.6)) / F32(0.9), 0, 1)
        fallen = np.clip((line.root_y.max() - points[..., 1]) / 10.0, 0, 1).astype(F32)
        shift = 30.0 if inner else 0.0
        forward = (6 + 4 * style.volume) * smoothstep(0.25, 1.0, fallen)
        side = deg - F32(line.opening_deg - shift) - 4 * np.sin(fallen * 3.0) + forward
        if not inner:
            side = side - strands * F32(4 * (1 - 0.85 * curly))
        alpha = alpha * np.maximum(roots, smoothstep(0, 3.0, side))
    if line.length < 0.12:
        alpha = alpha * F32(0.45 + 3.5 * line.length)
    if inner:
        alpha = np.minimum(1, alpha * 3)
    return np.asarray(alpha, F32)


def _opacity(alpha: FloatArray) -> NDArray[np.uint8]:
    return np.rint(alpha * 255).astype(np.uint8)


def _wisps(
    points: FloatArray, normals: FloatArray, tangents: FloatArray, alpha: FloatArray, line: HairLine, style: Style,
    curly: float,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Loose strands (count, 5, 3), short polylines leaving the shell along its tangent, and normals at their roots."""
    rows, n = points.shape[:2]
    count = int(1200 * ramp(0.1, 0.6, line.length) * (1 - 0.6 * curly * (1 - line.long)))
    rng = np.random.default_rng(991)
    i = (rng.beta(2.2, 1.4, count) * (rows - 1)).astype(int)
    j = rng.integers(0, n, count)
    reach = (0.7 + 1.2 * rng.random((count, 1))) * (0.6 + 0.6 * line.length)
    lift = (0.04 + 0.22 * rng.random((count, 1)) ** 2) * (0.7 + 0.5 * style.volume + 0.8 * curly)
    bend = rng.normal(0, 0.35 + 0.5 * curly, (count, 3))
    t = np.linspace(-0.6, 1, 5)[None, :, None]
    start, along, out = points[i, j], tangents[i, j], normals[i, j]
    strand = (
        start[:, None]
        + along[:, None] * (t * reach[:, None])
        + out[:, None] * (lift[:, None] * (0.1 + np.maximum(t, 0) ** 1.5))
    )
    strand = strand + bend[:, None] * np.maximum(t, 0) ** 2 * 0.4
    rooted = alpha[i, j] > 0.9
    return np.asarray(strand[rooted], F32), np.asarray(out[rooted], F32)


def paint_hair(hair: Hair, light: Light, texels: Window) -> NDArray[np.uint8]:
    """Some texels of the shell's outside, uint8 RGB (rows, columns, 3); `light` in the head's frame.

    Two highlights along the strands after Kajiya and Kay (1989): one white and narrow, one tinted and wide.
    """
    strands, normals = hair.strands[texels], hair.normals[texels]
    colour = light.shade(
        hair.bumpy_normals[texels], hair.albedo[texels], occlusion=hair.occlusion[texels], specular=0.02, rim=1.2
    )
    half = light.key + light.view
    half = half / F32(np.linalg.norm(half) + 1e-6)
    lit = np.clip(normals @ light.key * F32(0.6) + F32(0.4), 0, 1) * light.key_colour[1] / F32(1.62)
    cos = hair.tangents[texels] @ half + strands * F32(0.16)
    narrow = np.maximum(1 - cos * cos, 0)
    for _ in range(5):
        narrow = narrow * narrow
    wide = np.maximum(1 - (cos + F32(0.18)) ** 2, 0)
    for _ in range(4):
        wide = wide * wide
    lum = float(hair.colour.mean())
    narrow *= lit * F32((1 - 0.7 * hair.curly) * 0.55)
    wide *= lit * F32(0.45)
    tint = hair.colour * F32(0.5) + F32(0.05 + 0.25 * lum)
    for c in range(3):
        colour[..., c] += narrow * tint[c] + wide * hair.colour[c]
    return light.develop(colour)


def paint_lining(hair: Hair, light: Light, texels: Window) -> NDArray[np.uint8]:
    """Some texels of the shell's inside, dark: uint8 RGB (rows, columns, 3)."""
    dim = float(0.35 + 0.65 * min(1.0, light.key_colour[1] / 1.2))
    inner = tinted(hair.colour * F32(0.20 * dim), 1 + F32(0.5) * hair.strands[texels]) + F32(0.0015)
    return light.develop(inner)
