"""How a simulated picture is taken: framing, pose, expression, light, place and camera. Nothing of who is in it."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Framing = Literal["headshot", "half_body", "full_body"]
BackgroundName = Literal[
    "studio", "interior", "cafe", "office", "street", "nature", "gym", "beach", "golden_hour", "night"
]

FRAMINGS: tuple[str, ...] = get_args(Framing)
BACKGROUND_NAMES: tuple[str, ...] = get_args(BackgroundName)


@dataclass(frozen=True)
class Scene:
    """One shot.

    Attributes:
        framing: How much of the person is in the picture.
        yaw_deg: Head turn, > 0 to image right; beyond +-90 the person is turned away; within [-180, 180].
        pitch_deg: > 0 looks up.
        roll_deg: > 0 leans to image right.
        smile: About [-.4, 1].
        mouth_open: [0, 1].
        eye_open: 1 is normal, about .1 shut.
        gaze: Shift of the irises (x to image right, y up) in centimetres.
        brow_raise: About [-1, 1].
        light_azimuth_deg: Key light, > 0 from image right.
        light_elevation_deg: Key light above the eye line.
        key: Strength of the key light, about 1.
        fill: Strength of the fill light, about .45.
        warmth: Colour of the light, about [-.3, .6], > 0 warmer.
        exposure: Gain before the tone curve.
        shift: Offset of the person as fractions of picture (width, height), y down.
        zoom: Scale of the person relative to the framing's own.
        background: Where it is.
        background_seed: Which of the many such places.
        clothes_seed: What is worn.
        noise: Standard deviation of the camera noise as a fraction of full scale.
        blur_sigma_px: Gaussian blur of the whole picture.
        silhouette: Strong back light, the person almost black before a bright ground.
        seed: Seeds the camera noise.
    """

    framing: Framing = "headshot"
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    smile: float = 0.3
    mouth_open: float = 0.0
    eye_open: float = 1.0
    gaze: tuple[float, float] = (0.0, 0.0)
    brow_raise: float = 0.0
    light_azimuth_deg: float = -35.0
    light_elevation_deg: float = 35.0
    key: float = 1.0
    fill: float = 0.5
    warmth: float = 0.15
    exposure: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    background: BackgroundName = "studio"
    background_seed: int = 0
    clothes_seed: int = 0
    noise: float = 0.005
    blur_sigma_px: float = 0.0
    silhouette: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.framing not in FRAMINGS:
            raise ValueError(f"expected framing to be one of {', '.join(FRAMINGS)}, got {self.framing!r}")
        if self.background not in BACKGROUND_NAMES:
            raise ValueError(f"expected background to be one of {', '.join(BACKGROUND_NAMES)}, got {self.background!r}")
        if not -180 <= self.yaw_deg <= 180:
            raise ValueError(f"expected yaw_deg within [-180, 180], got {self.yaw_deg}")


def sample_scene(seed: int, framing: Framing | None = None, strength: float = 1.0) -> Scene:
    """A random shot as a photographer would take it (|yaw| <= 42, |pitch| <= 18 degrees).

    Args:
        seed: The same seed gives the same scene.
        framing: Fixed framing; None draws one (half of them headshots).
        strength: 1 = full variety, 0 = the plain portrait.
    """
    rng = np.random.default_rng([15485863, seed])
    s = strength
    drawn = str(rng.choice(["headshot", "headshot", "half_body", "full_body"]))
    return Scene(
        framing=framing or drawn,  # type: ignore[arg-type]  # drawn from the literal's own members
        yaw_deg=float(np.clip(rng.normal(0, 14 * s), -42, 42)),
        pitch_deg=float(np.clip(rng.normal(0, 6 * s), -18, 18)),
        roll_deg=float(rng.normal(0, 4 * s)),
        smile=float(np.clip(rng.normal(0.3, 0.38 * s), -0.35, 1.0)),
        mouth_open=float(max(0.0, rng.normal(-0.1, 0.33 * s))),
        eye_open=float(np.clip(rng.normal(1, 0.1 * s), 0.6, 1.2)),
        gaze=(float(rng.normal(0, 0.12 * s)), float(rng.normal(0, 0.05 * s))),
        brow_raise=float(rng.normal(0, 0.4 * s)),
        light_azimuth_deg=float(rng.uniform(-60, 60) * s),
        light_elevation_deg=float(30 + rng.uniform(-18, 25) * s),
        key=float(1 + rng.uniform(-0.15, 0.2) * s),
        fill=float(0.5 + rng.uniform(-0.15, 0.2) * s),
        warmth=float(0.12 + rng.uniform(-0.3, 0.35) * s),
        exposure=float(1 + rng.uniform(-0.14, 0.16) * s),
        shift=(float(rng.normal(0, 0.02 * s)), float(rng.normal(0, 0.015 * s))),
        zoom=float(1 + rng.uniform(-0.1, 0.1) * s),
        background=str(rng.choice(BACKGROUND_NAMES)),  # type: ignore[arg-type]  # drawn from the literal's members
        background_seed=int(rng.integers(0, 1 << 30)),
        clothes_seed=int(rng.integers(0, 1 << 30)),
        noise=float(0.003 + 0.007 * rng.random() * s),
        blur_sigma_px=float(max(0.0, rng.normal(0, 0.4 * s))),
        seed=seed,
    )
