"""One rendered training picture with its ground truth, and the shard files it is kept in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY = 96


@dataclass(frozen=True)
class Sample:
    """A picture and what is true of the face in it.

    Attributes:
        index: Number in the render set; everything else follows from it.
        person: Number of the identity (the recogniser's class).
        kind: "face", or "away" for a head seen from behind (a negative for the detector).
        framing: "headshot", "half_body" or "full_body".
        jpeg: Encoded picture, BGR when decoded.
        box: Face box x0, y0, x1, y1 in pixels, shape (4,).
        points5: Eyes, nose tip, mouth corners in pixels, shape (5, 2).
        points106: InsightFace's 106 points in pixels, shape (106, 2).
        yaw_deg: Head turn.
        vector: Identity parameters (regression target), shape (n,).
    """

    index: int
    person: int
    kind: str
    framing: str
    jpeg: NDArray[np.uint8]
    box: NDArray[np.float32]
    points5: NDArray[np.float32]
    points106: NDArray[np.float32]
    yaw_deg: float
    vector: NDArray[np.float32]

    @property
    def box_width(self) -> float:
        """Width of the face box in pixels."""
        return float(self.box[2] - self.box[0])

    def picture(self) -> NDArray[np.uint8]:
        """Decode the picture: (height, width, 3) uint8 BGR."""
        image = cv2.imdecode(self.jpeg, cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"sample {self.index} does not decode; render the set again")
        return image.astype(np.uint8, copy=False)


def encode_jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compress a BGR picture for the set."""
    return np.asarray(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]).reshape(-1)


def save_shard(path: Path, samples: list[Sample]) -> None:
    """Write samples to one `.npz`, complete or not at all."""
    temporary = path.with_suffix(".partial")
    with temporary.open("wb") as stream:
        np.savez(
            stream,
            index=[s.index for s in samples],
            person=[s.person for s in samples],
            kind=[s.kind for s in samples],
            framing=[s.framing for s in samples],
            jpeg=np.concatenate([s.jpeg for s in samples]),
            jpeg_size=[s.jpeg.size for s in samples],
            box=np.stack([s.box for s in samples]),
            points5=np.stack([s.points5 for s in samples]),
            points106=np.stack([s.points106 for s in samples]),
            yaw_deg=[s.yaw_deg for s in samples],
            vector=np.stack([s.vector for s in samples]),
        )
    temporary.replace(path)


def load_samples(folder: Path, people: int) -> list[Sample]:
    """Read the pictures of the first `people` people, ordered by sample index so that shards may be cut anyhow.

    Raises:
        FileNotFoundError: The folder holds no shard.
    """
    shards = sorted(folder.glob("*.npz"))
    if not shards:
        raise FileNotFoundError(f"no rendered shards in {folder}; run `python -m training.render_set` first")
    wanted = (s for shard in shards for s in _read_shard(shard) if s.person < people)
    return sorted(wanted, key=lambda s: s.index)


def _read_shard(path: Path) -> Iterable[Sample]:
    with np.load(path, allow_pickle=False) as archive:
        shard = {name: archive[name] for name in archive.files}
    ends = np.cumsum(shard["jpeg_size"])
    for i, end in enumerate(ends):
        yield Sample(
            index=int(shard["index"][i]),
            person=int(shard["person"][i]),
            kind=str(shard["kind"][i]),
            framing=str(shard["framing"][i]),
            jpeg=shard["jpeg"][end - shard["jpeg_size"][i] : end],
            box=shard["box"][i],
            points5=shard["points5"][i],
            points106=shard["points106"][i],
            yaw_deg=float(shard["yaw_deg"][i]),
            vector=shard["vector"][i],
        )
