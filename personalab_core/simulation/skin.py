"""Skin, lips, brows, beard and eyes: the albedo an identity keeps, and the picture of a posed face in texture space."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from personalab_core.simulation.colour import hair_colour, iris_colour, skin_colour, skin_darkness
from personalab_core.simulation.curves import (
    F32,
    FloatArray,
    Window,
    blend,
    bump,
    filled,
    in_rgb,
    mix_in,
    normals_in,
    ridge,
    smoothstep,
    tinted,
    value_noise,
)
from personalab_core.simulation.expression import EyeLayer, PosedHead
from personalab_core.simulation.head import Head
from personalab_core.simulation.identity import Style
from personalab_core.simulation.light import SKIN_WRAP, Light
from personalab_core.simulation.scene import Scene

IRIS_RADIUS_CM = 0.68
_TOOTH_CM = 0.80


@dataclass(frozen=True, eq=False)
class Skin:
    """What an identity's skin always shows: linear albedo (n, n, 3), highlight strength and brow mask (n, n)."""

    albedo: FloatArray
    specular: FloatArray
    lip_colour: FloatArray
    skin: FloatArray
    hair: FloatArray
    iris: FloatArray


def build_skin(head: Head, style: Style, hairline: FloatArray, scalp: float) -> Skin:
    """Paint everything that does not move.

    Args:
        head: The head whose grid is painted.
        style: Only its beard is used here.
        hairline: (n,) height of the hairline at each azimuth; above it the scalp takes the hair's colour.
        scalp: How strongly the scalp is tinted, [0, 1].
    """
    identity, face = head.identity, head.face
    n, dark = head.size, skin_darkness(identity)
    x, y = head.points[..., 0], head.points[..., 1]
    ax = np.abs(x)
    rng = np.random.default_rng(12345)
    skin, hair = skin_colour(identity), hair_colour(identity)
    albedo = filled(skin, (n, n))
    fine = value_noise(rng, n, n, n - 1, n - 1)
    mottle = 1 + 0.09 * value_noise(rng, n, n, 10, 10) + 0.05 * value_noise(rng, n, n, 48, 48) + 0.03 * fine
    albedo *= in_rgb(mottle)
    _paint_tints(albedo, head, ax, y, skin, dark)
    if identity.value("freckles") > 0.15 and dark < 0.7:
        _paint_freckles(albedo, head, ax, y, skin)
    if style.stubble > 0.1 and identity.value("masc") > 0.1:
        _paint_beard(albedo, head, ax, y, fine, style.stubble, skin, hair)
    brow = _brow_mask(head, ax, y, value_noise(rng, n, n, n // 3, n - 1))
    blend(albedo, hair * F32(0.55) + skin * F32(0.05), brow * F32(0.9))
    specular = 0.10 + 0.05 * dark + 0.09 * bump(ax, y, 0, face.nose_tip_y + 0.1, 1.0, 1.2)
    specular += 0.04 * bump(ax, y, 0, 5, 5, 3) + 0.05 * bump(ax, y, 4.2, -2.0, 2.0, 1.5)
    cover = smoothstep(-0.6, 1.3, y - hairline[None].astype(F32)) * F32(scalp)
    blend(albedo, hair * F32(0.6), cover)
    masc = max(0.0, identity.value("masc"))
    lips = skin * np.array([0.84, 0.44, 0.46], F32) + np.array([0.014, 0, 0.006], F32)
    lips = lips * F32(1 - 0.3 * masc) + skin * np.array([0.88, 0.64, 0.60], F32) * F32(0.3 * masc)
    lips = lips * (1 - np.array([0.02, 0.22, 0.16], F32) * F32(max(0.0, -identity.value("masc"))))
    return Skin(
        albedo,
        np.asarray(specular * (1 - 0.9 * brow) * (1 - 0.8 * cover), F32),
        lips,
        skin,
        hair,
        iris_colour(identity),
    )


def _paint_tints(albedo: FloatArray, head: Head, ax: FloatArray, y: FloatArray, skin: FloatArray, dark: float) -> None:
    """Blush, eye shadows, nostrils."""
    face, age = head.face, max(0.0, head.identity.value("age"))
    blush = 0.55 * bump(ax, y, 4.1, -2.9, 2.7, 2.2) + 0.42 * bump(ax, y, 0, face.nose_tip_y - 0.1, 1.5, 1.2)
    blush += 0.22 * bump(ax, y, 0, face.chin_y + 1.2, 2, 1.5)
    blend(albedo, skin * np.array([1.03, 0.74, 0.68], F32), blush * F32(0.62 - 0.3 * dark) * head.front)
    under = bump(ax, y, face.eye_x - 0.2, -1.15, 1.7, 0.8)
    blend(albedo, skin * np.array([0.82, 0.74, 0.76], F32), under * F32(0.14 + 0.26 * age) * head.front)
    lids = bump(ax, y, face.eye_x, 0.45, 2.0, 1.1)
    blend(albedo, skin * np.array([0.86, 0.70, 0.64], F32), lids * F32(0.40) * head.front)
    nostril = bump(ax, y, 0.76 + 0.3 * (face.nose_hw - 1.5), face.nose_base_y + 0.12, 0.48, 0.27)
    blend(albedo, skin * np.array([0.18, 0.08, 0.07], F32), np.clip(nostril * 1.4, 0, 0.9) * head.front)
    wing = ridge(np.hypot(ax - face.nose_hw - 0.12, (y - face.nose_base_y - 0.55) * 0.8), 0.52, 0.24)
    wing = wing * (ax > face.nose_hw - 0.05)
    blend(albedo, skin * np.array([0.55, 0.38, 0.34], F32), wing * F32(0.26) * head.front)


def _paint_freckles(albedo: FloatArray, head: Head, ax: FloatArray, y: FloatArray, skin: FloatArray) -> None:
    n, amount = head.size, head.identity.value("freckles")
    rng = np.random.default_rng(99)
    cells = rng.random((int(n / 2.6), int(n / 2.6)), dtype=F32)
    spots = smoothstep(0.84, 0.98, cv2.resize(cells, (n, n), interpolation=cv2.INTER_CUBIC))
    where = bump(ax, y, 3.0, -2.2, 3.6, 2.4) + 0.5 * bump(ax, y, 0, -2.2, 2.2, 2.2)
    mask = np.clip(spots * where * F32((amount - 0.1) * 1.3), 0, 0.75) * head.front
    blend(albedo, skin * np.array([0.64, 0.47, 0.37], F32), mask)


def _paint_beard(
    albedo: FloatArray, head: Head, ax: FloatArray, y: FloatArray, fine: FloatArray, amount: float,
    skin: FloatArray, hair: FloatArray,
) -> None:  # fmt: skip
    face = head.face
    upper = face.mouth_y + 1.45 + np.clip((ax - 3.2) / 3.0, 0, 1) ** 1.3 * 3.8
    beard = smoothstep(0.9, -1.1, y - upper)
    beard *= 1 - 0.85 * bump(ax, y, 0, face.mouth_y - face.lip_lower - 0.3, 0.9, 0.6)
    beard *= 1 - 0.75 * bump(ax, y, 4.2, face.mouth_y + 1.3, 2.0, 2.3)
    grain = np.clip(0.85 + 0.75 * fine, 0.3, 1.3)
    strength = (amount - 0.05) * 0.9 * min(1.0, (head.identity.value("masc") - 0.05) * 2.5)
    mask = np.clip(beard * grain * F32(strength), 0, 0.88) * head.front
    blend(albedo, hair * F32(0.85) + skin * F32(0.12), mask)


def _brow_mask(head: Head, ax: FloatArray, y: FloatArray, hairs: FloatArray) -> FloatArray:
    face = head.face
    along = (ax - F32(face.brow_start_x)) / F32(face.brow_length)
    held = np.clip(along, -0.2, 1.2)
    middle = face.brow_y - 0.15 + face.brow_arch * np.sin(held * F32(np.pi * 0.86)) + face.brow_tilt * (held - 0.4)
    middle = middle - 0.5 * np.clip(along, 0, 1.3) ** 3
    thick = face.brow_thickness * np.clip(1.0 - 0.6 * np.clip(along, 0, 1) ** 1.5, 0.1, 1)
    thick = thick * smoothstep(-0.05, 0.2, along)
    off = y - middle + 0.10 * hairs
    mask = smoothstep(1.1, 0.35, np.abs(off) / (thick + F32(0.03)))
    mask *= smoothstep(-0.04, 0.12, along) * smoothstep(1.04, 0.78, along)
    return np.asarray(mask * np.clip(0.92 + 0.55 * hairs, 0.35, 1.05) * head.front, F32)


def paint_head(posed: PosedHead, skin: Skin, light: Light, scene: Scene, texels: Window) -> NDArray[np.uint8]:
    """The face of this moment as a uint8 RGB texture (rows, columns, 3) of some of the head's grid.

    Args:
        posed: The head with its expression.
        skin: Its identity's skin.
        light: The light in the head's frame (`Light.seen_from`).
        scene: Gaze is taken from here.
        texels: What will be seen; the rest need not be lit.
    """
    head, mouth, eyes = posed.head, posed.mouth, posed.eyes
    window_m, window_e = head.mouth_window, head.eye_window
    # What is seen, and the row above the jaw's rim, which fades into it.
    lit = slice(min(texels[0].start, head.jaw_row - 2), texels[0].stop), texels[1]
    normals = normals_in(lit, posed.points)
    albedo, specular = skin.albedo.copy(), skin.specular.copy()
    lips = np.clip(mouth.lip_upper + mouth.lip_lower, 0, 1)
    blend(albedo[window_m], skin.lip_colour, lips * F32(0.84))
    blend(albedo[window_m], skin.lip_colour * F32(0.82), mouth.lip_upper * F32(0.32))
    blend(albedo[window_m], skin.skin * np.array([0.55, 0.40, 0.36], F32), np.clip(mouth.fold * 0.5, 0, 0.45))
    blend(albedo[window_e], skin.skin * F32(0.36), eyes.crease * F32(0.55))
    specular[window_m] += mouth.lip_lower * F32(0.26) + mouth.lip_upper * F32(0.10)
    occlusion = _cavities(posed)
    occlusion[lit] *= 1 - F32(0.30) * smoothstep(0.25, 0.95, -normals[..., 1]) * head.front[lit]
    occlusion[window_m] *= 1 - F32(0.25) * mouth.seam_wide
    colour = np.zeros_like(albedo)
    colour[lit] = light.shade(normals, albedo[lit], occlusion=occlusion[lit], specular=specular[lit], wrap=SKIN_WRAP)
    # The rim between jaw and the dark underside would draw an ink line around the chin: let it fade over.
    jaw, deep = head.jaw_row, int(head.size * 0.06)
    fade = np.linspace(0, 1, deep, dtype=F32)[:, None, None] ** 2
    rim = colour[jaw - 1 : jaw - 1 + deep]
    rim += (colour[jaw - 2] - rim) * (1 - fade)
    _paint_mouth(colour[window_m], posed, light)
    _paint_eyes(colour[window_e], posed, skin, light, scene)
    return light.develop(colour[texels])


def _cavities(posed: PosedHead) -> FloatArray:
    """Ambient occlusion from relief: how far a point lies below its blurred surroundings, at two scales."""
    head = posed.head
    relief = posed.points[..., 2] - head.base_z
    wide, narrow = int(head.size * 0.075) | 1, int(max(3, head.size * 0.025)) | 1
    far = cv2.blur(cv2.blur(relief, (wide, wide)), (wide, wide))
    near = cv2.blur(cv2.blur(relief, (narrow, narrow)), (narrow, narrow))
    cavity = np.clip((far - relief) * F32(0.40), -0.12, 0.6) + np.clip((near - relief) * F32(0.85), -0.1, 0.35)
    return np.asarray(np.clip(1 - cavity, 0.38, 1.12), F32)


def _paint_mouth(colour: FloatArray, posed: PosedHead, light: Light) -> None:
    """Seam, corners, dark mouth and teeth, into shaded colour (a view)."""
    e, mouth = posed.expression, posed.mouth
    ax = np.abs(mouth.x)
    colour *= in_rgb(1 - F32(0.78) * mouth.seam)
    colour *= in_rgb(1 - 0.28 * bump(ax, mouth.y, e.mouth_hw + 0.02, e.mouth_y + e.mouth_curve, 0.38, 0.30))
    if e.gap < 0.01:
        return
    depth = np.clip(1.0 - 0.8 * smoothstep(0, 1.3, np.abs(mouth.y - F32(e.mouth_y))), 0.2, 1)
    blend(colour, tinted(np.array([0.085, 0.02, 0.02], F32), depth), mouth.hole)
    between = np.abs(np.mod(mouth.x / F32(_TOOTH_CM), 1) - F32(0.5)) * 2
    line = 1 - F32(0.16) * smoothstep(0.80, 0.98, 1 - between)
    round_off = 1 - F32(0.42) * smoothstep(0.1, 0.95, ax / F32(e.mouth_hw))
    lit = F32(0.55 + 0.45 * float(np.clip(light.key @ light.view, 0, 1)))
    enamel = tinted(np.array([0.80, 0.77, 0.70], F32), line * round_off * lit)
    blend(colour, enamel, mouth.teeth * F32(0.95))


def _paint_eyes(colour: FloatArray, posed: PosedHead, skin: Skin, light: Light, scene: Scene) -> None:
    """Eyeballs with catch lights, then lashes over them, into shaded colour (a view)."""
    eyes = posed.eyes
    ball = _eyeball(eyes, posed.head, skin, light, scene)
    mix_in(colour, ball, eyes.open)
    s, reach = eyes.along, np.abs(eyes.along)
    upper = ridge(eyes.upper, 0.07, 0.25) * smoothstep(1.16, 0.92, s) * smoothstep(1.0, 0.86, -s)
    upper = upper * (0.75 + 0.25 * np.clip(s, 0, 1))
    lash = 1.7 - 0.4 * posed.head.identity.value("masc")
    dark = np.array([0.018, 0.012, 0.010], F32) + skin.hair * F32(0.06)
    mix_in(colour, dark, np.clip(upper * F32(lash), 0, 0.97))
    lower = ridge(eyes.lower, 0.03, 0.10) * smoothstep(1.0, 0.85, reach) * np.clip(0.35 + 0.35 * s, 0, 1)
    mix_in(colour, skin.skin * F32(0.2), np.clip(lower, 0, 0.6))
    colour += in_rgb(ridge(eyes.lower, 0.02, 0.13) * smoothstep(0.95, 0.8, reach) * F32(0.04))


def _eyeball(eyes: EyeLayer, head: Head, skin: Skin, light: Light, scene: Scene) -> FloatArray:
    face = head.face
    centre = np.where(eyes.x >= 0, F32(face.eye_x + scene.gaze[0]), F32(-face.eye_x + scene.gaze[0]))
    gx, gy = eyes.x - centre, eyes.y - F32(0.06 + scene.gaze[1])
    radius = np.sqrt(gx * gx + gy * gy)
    r = IRIS_RADIUS_CM
    angle = np.arctan2(gy, gx)
    fibres = 0.9 + 0.06 * np.sin(angle * 23 + 3 * np.sin(angle * 5)) + 0.06 * np.sin(angle * 41 + 1.7)
    glow = 0.55 + 0.75 * np.clip(radius / r, 0, 1) ** 1.3 * np.clip(0.75 - 0.55 * gy / r, 0.35, 1.5)
    iris = tinted(skin.iris * F32(1.5), fibres * glow)
    iris *= in_rgb(1 - F32(0.72) * smoothstep(r * 0.80, r, radius))
    mix_in(iris, np.array([0.006, 0.005, 0.005], F32), smoothstep(0.28, 0.21, radius))
    s = np.clip(eyes.along, -1, 1)
    white = tinted(np.array([0.76, 0.73, 0.705], F32), 1 - F32(0.34) * s * s)
    mix_in(white, np.array([0.60, 0.32, 0.29], F32), smoothstep(-0.80, -0.98, s) * F32(0.8))
    mix_in(white, iris, smoothstep(r * 1.05, r * 0.93, radius))
    lit = gx * F32(0.35) * light.key[0] + gy * F32(0.35) * light.key[1] + light.key[2]
    lit = np.clip(lit * F32(0.5) + F32(0.55), 0.2, 1.1) * light.key_colour[1] / F32(1.62)
    shaded = 1 - F32(0.55) * ridge(eyes.upper, 0, 0.55)
    white *= in_rgb(np.minimum(lit + light.fill_colour[1] * F32(0.25), 1.15) * shaded)
    half = light.key + light.view
    half = half / F32(np.linalg.norm(half) + 1e-6)
    cx, cy = float(np.clip(half[0] * 0.75, -0.34, 0.34)), float(np.clip(half[1] * 0.75, -0.1, 0.36))
    spark = smoothstep(0.17, 0.08, np.hypot(gx - F32(cx), (gy - F32(cy)) * F32(0.85))) * F32(0.92)
    spark = spark + smoothstep(0.14, 0.02, np.hypot(gx + F32(cx * 1.1), gy + F32(0.25))) * F32(0.2)
    mix_in(white, light.key_colour, np.clip(spark, 0, 1))
    return white
