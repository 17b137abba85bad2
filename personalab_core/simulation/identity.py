"""Who a simulated person is: bones and colouring, apart from the style they wear that day.

Every parameter is a float in about [-1.3, 1.3] with 0 the average; the renderer turns them into centimetres and
colours (`proportions.py`, `colour.py`), where proportions are constrained so that every vector gives a plausible face.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDENTITY_VERSION = 1
"""Version of the parameter lists; `from_dict` refuses any other."""

LIMIT = 1.3
"""Parameters are softly bounded to this magnitude."""

GEOMETRY_NAMES: tuple[str, ...] = (
    "face_w", "temple_w", "cheek_w", "jaw_w", "jaw_angle", "chin_square", "chin_len", "chin_proj", "cranium",
    "brow_ridge", "eye_sep", "eye_w", "eye_open", "eye_tilt", "eye_depth", "lid_crease", "brow_y", "brow_thick",
    "brow_arch", "brow_len", "brow_tilt", "nose_len", "nose_w", "bridge_h", "bridge_w", "tip_proj", "tip_up", "hump",
    "mouth_w", "lip_up", "lip_lo", "lip_bow", "mouth_y", "mouth_curve", "cheek_full", "ear_size", "ear_out",
)  # fmt: skip
APPEARANCE_NAMES: tuple[str, ...] = (
    "skin_tone", "skin_hue", "freckles", "eye_hue", "eye_light", "hair_mel", "hair_red", "hair_grey", "hairline",
    "masc", "age",
)  # fmt: skip
STYLE_NAMES: tuple[str, ...] = ("length", "volume", "part", "fringe", "wave", "stubble")

_GEOMETRY_INDEX = {name: i for i, name in enumerate(GEOMETRY_NAMES)}
_APPEARANCE_INDEX = {name: i for i, name in enumerate(APPEARANCE_NAMES)}

MASCULINE_OFFSETS = {
    "jaw_w": 0.45, "brow_ridge": 0.5, "brow_thick": 0.5, "lip_up": -0.35, "lip_lo": -0.3, "chin_square": 0.5,
    "brow_y": -0.3, "eye_w": -0.3, "nose_w": 0.2, "eye_open": -0.3, "brow_arch": -0.35, "cheek_w": -0.1,
}  # fmt: skip
"""How the bones of one and the same draw shift with `masc` (per unit)."""


@dataclass(frozen=True, eq=False)
class SimulatedIdentity:
    """One simulated person: `geometry` (bones and features) and `appearance` (colouring, age), without hair style.

    Attributes:
        geometry: One float per `GEOMETRY_NAMES`, in about [-1.3, 1.3].
        appearance: One float per `APPEARANCE_NAMES`, in about [-1.3, 1.3].
    """

    geometry: tuple[float, ...]
    appearance: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_length("geometry", self.geometry, GEOMETRY_NAMES)
        _check_length("appearance", self.appearance, APPEARANCE_NAMES)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SimulatedIdentity):
            return NotImplemented
        return self.geometry == other.geometry and self.appearance == other.appearance

    def __hash__(self) -> int:
        return hash((self.geometry, self.appearance))

    def value(self, name: str) -> float:
        """The parameter called `name`, from either group."""
        if name in _GEOMETRY_INDEX:
            return self.geometry[_GEOMETRY_INDEX[name]]
        return self.appearance[_APPEARANCE_INDEX[name]]

    def with_values(self, **values: float) -> "SimulatedIdentity":
        """A copy with some parameters replaced by name."""
        geometry, appearance = list(self.geometry), list(self.appearance)
        for name, value in values.items():
            if name in _GEOMETRY_INDEX:
                geometry[_GEOMETRY_INDEX[name]] = float(value)
            else:
                appearance[_APPEARANCE_INDEX[name]] = float(value)
        return SimulatedIdentity(tuple(geometry), tuple(appearance))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `from_dict`."""
        return {"version": IDENTITY_VERSION, "geometry": list(self.geometry), "appearance": list(self.appearance)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SimulatedIdentity":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: The version is another one, or a list has the wrong length.
        """
        _check_version(data)
        return cls(tuple(float(x) for x in data["geometry"]), tuple(float(x) for x in data["appearance"]))


@dataclass(frozen=True)
class Style:
    """What a person can change in a morning; never part of who they are. All in [-1, 1].

    Attributes:
        length: Hair length: -1 shaved, -.6 short, 0 chin, 1 chest.
        volume: Flat to full.
        part: Side of the parting, negative = image left.
        fringe: Above about .3 a fringe covers the forehead.
        wave: Straight to wavy (.2) to curly (.7).
        stubble: Above .1 a beard shadow, 1 a full short beard (on masculine faces).
    """

    length: float = -0.4
    volume: float = 0.0
    part: float = 0.4
    fringe: float = -0.5
    wave: float = -0.4
    stubble: float = -1.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, read back by `from_dict`."""
        return {"version": IDENTITY_VERSION, **{name: getattr(self, name) for name in STYLE_NAMES}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Style":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: The version is another one.
        """
        _check_version(data)
        return cls(**{name: float(data[name]) for name in STYLE_NAMES})


def _check_version(data: Mapping[str, Any]) -> None:
    if data.get("version") != IDENTITY_VERSION:
        raise ValueError(
            f"expected identity data of version {IDENTITY_VERSION}, got {data.get('version')!r}; "
            "render the portrait again with this version"
        )


def _check_length(what: str, values: tuple[float, ...], names: tuple[str, ...]) -> None:
    if len(values) != len(names):
        raise ValueError(f"expected {len(names)} {what} values, got {len(values)}")


def soft_bound(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Identity up to magnitude 1, then bent smoothly so that it never passes `LIMIT` (monotone everywhere)."""
    magnitude = np.abs(values)
    room = LIMIT - 1.0
    bent = 1.0 + room * np.tanh(np.maximum(magnitude - 1.0, 0.0) / room)
    return np.where(magnitude <= 1.0, values, np.copysign(bent, values))


def sample_identity(seed: int) -> SimulatedIdentity:
    """A random adult. The same seed gives the same person for ever (of one `IDENTITY_VERSION`)."""
    rng = np.random.default_rng([7919, seed])
    return _assemble(rng.normal(0, 0.52, len(GEOMETRY_NAMES)), _sample_appearance(rng))


def _sample_appearance(rng: np.random.Generator) -> NDArray[np.float64]:
    a = rng.uniform(-1, 1, len(APPEARANCE_NAMES))
    at = _APPEARANCE_INDEX
    dark = max(0.0, float(a[at["skin_tone"]]))
    # A hand-made prior, not demography: dark skin goes with dark hair and eyes, grey hair with age.
    a[at["hair_mel"]] = min(1.0, float(a[at["hair_mel"]]) + 0.9 * dark + 0.15)
    a[at["eye_light"]] = max(-1.0, float(a[at["eye_light"]]) - 1.2 * dark)
    a[at["hair_red"]] -= 0.9 * dark
    a[at["hair_grey"]] = 1.6 * float(a[at["age"]]) - 1.1 + 0.5 * float(a[at["hair_grey"]])
    a[at["freckles"]] -= 0.3
    return a


def _assemble(geometry: NDArray[np.float64], appearance: NDArray[np.float64]) -> SimulatedIdentity:
    """Add the masculine offsets to unisex bones and bound everything."""
    shifted = geometry.copy()
    masc = float(appearance[_APPEARANCE_INDEX["masc"]])
    for name, offset in MASCULINE_OFFSETS.items():
        shifted[_GEOMETRY_INDEX[name]] += offset * masc
    return SimulatedIdentity(_bounded(shifted), _bounded(appearance))


def _bounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(x) for x in soft_bound(values))


def sample_style(identity: SimulatedIdentity, seed: int) -> Style:
    """A random hair style (and beard) that suits the person's masculinity and age."""
    rng = np.random.default_rng([6271, seed])
    masc, wave = identity.value("masc"), float(rng.uniform(-1, 1))
    length = float(np.clip(0.75 * rng.uniform(-1, 1) - 0.55 * masc + 0.05, -1, 1))
    return Style(
        length=length,
        volume=float(np.clip(rng.normal(0.1, 0.5), -1, 1)),
        part=float(rng.uniform(-1, 1)),
        fringe=float(rng.uniform(-1, 0.75)),
        wave=wave,
        stubble=float(rng.uniform(-1, 1)) if masc > 0.15 else -1.0,
    )


def perturb(identity: SimulatedIdentity, *, geometry_eps: float, appearance_eps: float, seed: int) -> SimulatedIdentity:
    """Step away from a person in a seeded random direction.

    Args:
        identity: Where to start.
        geometry_eps: RMS step over all geometry parameters (.05 is invisible, .2 a sibling, .5 another person).
        appearance_eps: RMS step over all appearance parameters.
        seed: Chooses the direction, which does not depend on the step sizes.
    """
    rng = np.random.default_rng([104729, seed])
    geometry = np.array(identity.geometry) + geometry_eps * _direction(rng, len(GEOMETRY_NAMES))
    appearance = np.array(identity.appearance) + appearance_eps * _direction(rng, len(APPEARANCE_NAMES))
    return SimulatedIdentity(_bounded(geometry), _bounded(appearance))


def _direction(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """A random vector of RMS 1."""
    d = rng.normal(size=size)
    unit: NDArray[np.float64] = d * (math.sqrt(size) / np.linalg.norm(d))
    return unit


def lookalike(identity: SimulatedIdentity, seed: int) -> SimulatedIdentity:
    """Another person of the same colouring, age and masculinity: other bones only (the hard impostor)."""
    rng = np.random.default_rng([15013, seed])
    drawn = _assemble(rng.normal(0, 0.52, len(GEOMETRY_NAMES)), np.array(identity.appearance))
    return replace(drawn, appearance=identity.appearance)


def interpolate(a: SimulatedIdentity, b: SimulatedIdentity, t: float) -> SimulatedIdentity:
    """The person a fraction `t` of the way from `a` (0) to `b` (1), every parameter linearly."""

    def mix(u: tuple[float, ...], v: tuple[float, ...]) -> tuple[float, ...]:
        return tuple((1 - t) * x + t * y for x, y in zip(u, v, strict=True))

    return SimulatedIdentity(mix(a.geometry, b.geometry), mix(a.appearance, b.appearance))


def identity_vector(identity: SimulatedIdentity) -> NDArray[np.float32]:
    """All parameters that make the person, geometry first: shape (len(GEOMETRY_NAMES) + len(APPEARANCE_NAMES),)."""
    return np.array(identity.geometry + identity.appearance, np.float32)


def identity_from_bytes(data: bytes) -> SimulatedIdentity:
    """A stable person for any bytes (a picture that carries no simulation metadata): seeded by their SHA-256."""
    return sample_identity(int.from_bytes(hashlib.sha256(data).digest()[:7], "big"))
