"""The one place that knows InsightFace: loads a model pack once and looks at pictures.

Load it once and hand it to everything that measures. Compared with a plain ``FaceAnalysis().get()``
it loads and runs only detector, 106-point landmarks and recogniser, begins with a glance (``face_finder``), and keeps
idle worker threads from spinning: with several sessions, ONNX Runtime's default makes the second core
worthless (``benchmarks/face_runtime.py`` measures all of it).
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import shutil
import tempfile
import threading
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from personalab_core.errors import InputError, MissingDependencyError, ModelPackError
from personalab_core.identity.face_finder import DETECTOR_SIZES_PX, FaceFinder
from personalab_core.identity.facts import Array, Face, FaceFacts, facts_of_file, fine_detail, obstacle
from personalab_core.identity.pack_download import Announce, Progress, download_pack
from personalab_core.identity.packs import DEFAULT_PACK, ModelPack, find_pack
from personalab_core.identity.pose import Pose, pose_from_5, pose_from_106
from personalab_core.schemas.evaluation import MeasurementStatus

MAX_FACES = 16
"""Most faces measured per picture, largest first; all are counted."""

MAX_THREADS = 4
"""Default ceiling of threads per model; measured gains end about there."""

_WANTED = ("detection", "landmark_2d_106", "recognition")


class FaceRuntime:
    """A loaded model pack. Safe to share between threads; build one per process.

    Attributes:
        pack: What was loaded, and under which licence its weights are.
        pack_hash: First 16 hex digits of a SHA-256 over the model files.
        library_versions: Such as ``insightface 2.1, onnxruntime 1.32.0, opencv 5.0.0``.
    """

    def __init__(self, analysis: Any, pack: ModelPack, *, detector_sizes: Sequence[int] = DETECTOR_SIZES_PX) -> None:
        self._finder = FaceFinder(analysis.models["detection"], tuple(sorted(detector_sizes)))
        self._landmarks = analysis.models.get("landmark_2d_106")
        self._recogniser = analysis.models["recognition"]
        self._alone: Any = None
        self._lock = threading.Lock()
        self.pack = pack
        self.pack_hash = pack.hash()
        self.library_versions = _library_versions()

    @classmethod
    def load(
        cls,
        pack: str | Path = DEFAULT_PACK,
        *,
        root: str | Path | None = None,
        n_threads: int | None = None,
        detector_sizes: Sequence[int] = DETECTOR_SIZES_PX,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        allow_download: bool = False,
        announce: Announce | None = None,
        progress: Progress | None = None,
    ) -> FaceRuntime:
        """Return a runtime with the pack loaded.

        Args:
            pack: ``buffalo_l``, the bundled ``simface``, or a folder of ONNX files.
            root: Where named packs are kept, ``~/.insightface`` by default.
            n_threads: Threads per model; by default the available cores, at most 4.
            detector_sizes: Longer sides of the detector's input in pixels, multiples of 160, for pictures for which
                a glance is not enough.
            providers: ONNX Runtime execution providers.
            allow_download: Whether a missing ``buffalo_l`` may be fetched.
            announce: Told before anything is fetched; required for a download.
            progress: Told the bytes done and in all while fetching.

        Raises:
            ModelPackError: The pack is absent, incomplete or damaged.
            MissingDependencyError: InsightFace or ONNX Runtime is not installed.
        """
        if not detector_sizes or any(size < 160 or size % 160 for size in detector_sizes):
            raise InputError(f"detector_sizes must be multiples of 160, got {tuple(detector_sizes)}.")
        if allow_download and pack == DEFAULT_PACK and announce is not None and not _is_there(pack, root):
            download_pack(announce=announce, progress=progress, root=root)
        found = find_pack(pack, root=root)
        analysis, folder = _open_sessions(found, n_threads or available_threads(), providers)
        runtime = cls(analysis, found, detector_sizes=detector_sizes)
        # The detector opens its second size late, from the path it was given, so the links live as long.
        weakref.finalize(runtime, _remove, folder, os.getpid())
        return runtime

    def analyse_file(self, path: str | Path) -> FaceFacts:
        """Return the facts of a picture file; an unreadable file is a status, not an error."""
        return facts_of_file(path, self.analyse)

    def analyse(self, image_bgr: npt.NDArray[np.uint8]) -> FaceFacts:
        """Return every face in a picture.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, upright.

        Raises:
            InputError: The array is of another shape or type.
        """
        _check_image(image_bgr)
        faces, crops = self.sight(image_bgr, *self._finder.glance(image_bgr))
        known = [
            face if crop is None else _recognised([face], [crop], self._recogniser)[0]
            for face, crop in zip(faces, crops, strict=True)
        ]
        return FaceFacts.of_faces(known, width_px=image_bgr.shape[1], height_px=image_bgr.shape[0])

    def find(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        """Return where faces are in a picture: (N, 5) boxes with confidence, and (N, 5, 2) points.

        Raises:
            InputError: The array is of another shape or type.
        """
        _check_image(image_bgr)
        return self._finder.find(image_bgr)

    def find_near(self, image_bgr: npt.NDArray[np.uint8], box: Array) -> tuple[Array, Array]:
        """Return the face in place of an earlier ``box``, as :meth:`find` does; none if it is not there.

        Only the surroundings of the box are searched, at a third of the cost of a glance.
        """
        return self._finder.find_near(image_bgr, box)

    def sight(
        self, image_bgr: npt.NDArray[np.uint8], boxes: Array, points: Array
    ) -> tuple[tuple[Face, ...], tuple[npt.NDArray[np.uint8] | None, ...]]:
        """Return the found faces, largest first and not recognised yet, and what to recognise each by.

        The latter is the aligned face, (112, 112, 3) uint8 BGR; ``None`` where something stands against
        measuring it. Hand both to :meth:`recognise`.
        """
        largest_first = np.argsort(-_areas(boxes), kind="stable")
        faces = tuple(
            self._look(image_bgr, boxes[i], points[i], measure=rank < MAX_FACES) for rank, i in enumerate(largest_first)
        )
        return faces, tuple(
            self._aligned(image_bgr, face) if face.status is MeasurementStatus.MEASURED else None for face in faces
        )

    def recognise(self, faces: Sequence[Face], aligned: Sequence[npt.NDArray[np.uint8]]) -> tuple[Face, ...]:
        """Return the faces with their embeddings; the costly step, which several threads can do at once.

        Each works on one core then: callers who share the threads of one model wait for each other (a sixth more
        work on two cores). Several faces at once cost up to 8 % less than one by one, and give the same numbers. The
        first call opens the recogniser once more for it.
        """
        with self._lock:
            self._alone = self._alone or _on_one_thread(self._recogniser)
        return _recognised(faces, aligned, self._alone)

    def _look(
        self,
        image: npt.NDArray[np.uint8],
        box: npt.NDArray[np.float32],
        points: npt.NDArray[np.float32],
        *,
        measure: bool,
    ) -> Face:
        status, reason = obstacle(box, None)
        if not measure:
            status, reason = MeasurementStatus.NOT_MEASURED, f"only the {MAX_FACES} largest faces are measured"
        if status is not MeasurementStatus.MEASURED:
            return Face(box[:4], points, None, float(box[4]), None, None, status, reason)
        return self._measure(image, box, points)

    def _measure(
        self, image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], points: npt.NDArray[np.float32]
    ) -> Face:
        from insightface.app.common import Face as Detection

        detection = Detection(bbox=box[:4], kps=points, det_score=box[4])
        points106 = self._landmarks.get(image, detection).astype(np.float32) if self._landmarks is not None else None
        pose = _pose(points106, points)
        status, reason = obstacle(box, pose)
        return Face(box[:4], points, points106, float(box[4]), pose, None, status, reason)

    def _aligned(self, image: npt.NDArray[np.uint8], face: Face) -> npt.NDArray[np.uint8]:
        from insightface.utils.face_align import norm_crop

        return np.asarray(norm_crop(image, landmark=face.points5, image_size=self._recogniser.input_size[0]), np.uint8)


def normalised(vector: npt.ArrayLike) -> npt.NDArray[np.float32] | None:
    """Return the vector as float32 of length 1, ``None`` if it has no length or is not finite."""
    values = np.asarray(vector, dtype=np.float32).ravel()
    length = float(np.linalg.norm(values))
    return (values / length).astype(np.float32) if np.isfinite(length) and length > 0 else None


def available_threads() -> int:
    """Return how many threads a model uses by default."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_THREADS)


def _open_sessions(pack: ModelPack, n_threads: int, providers: Sequence[str]) -> tuple[Any, Path]:
    """Return a prepared ``FaceAnalysis`` over the wanted files only, and the folder of links it reads."""
    analysis_class, options, load_errors = _insightface(n_threads)
    folder = Path(tempfile.mkdtemp(prefix="personalab-pack-"))
    try:
        _link_files(pack, folder)
        # InsightFace prints while loading; what matters is in our records and errors.
        with contextlib.redirect_stdout(io.StringIO()):
            analysis = analysis_class(
                name=str(folder), allowed_modules=list(_WANTED), providers=list(providers), sess_options=options
            )
            analysis.prepare(ctx_id=0, det_size=(DETECTOR_SIZES_PX[0], DETECTOR_SIZES_PX[0]))
    except load_errors as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelPackError(
            f"The face model pack '{pack.name}' in {pack.folder} cannot be loaded ({type(error).__name__}): "
            "a file is damaged or is no detector or recogniser. Get the pack again."
        ) from error
    missing = {"detection", "recognition"} - set(analysis.models)
    if missing or not analysis.models["detection"].use_kps:
        shutil.rmtree(folder, ignore_errors=True)
        lacking = " and ".join(sorted(missing)) or "key points of the detector"
        raise ModelPackError(f"The face model pack '{pack.name}' in {pack.folder} lacks {lacking}.")
    return analysis, folder


def _insightface(n_threads: int) -> tuple[Any, Any, tuple[type[Exception], ...]]:
    """Return InsightFace's ``FaceAnalysis``, session options, and what its loading raises on a bad pack."""
    try:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from insightface.app.face_analysis import FaceAnalysis
        from onnxruntime.capi import onnxruntime_pybind11_state as ort
    except ImportError as error:
        raise MissingDependencyError(
            "Measuring faces needs InsightFace and ONNX Runtime, which are not installed. "
            "Install them with: pip install insightface onnxruntime"
        ) from error
    # One per face and process otherwise; scikit-image is held below the version that drops the function.
    warnings.filterwarnings("ignore", message="`estimate` is deprecated", category=FutureWarning)
    bad_pack = (ort.Fail, ort.InvalidProtobuf, ort.InvalidGraph, ort.InvalidArgument, ort.NoModel, ort.NotImplemented)
    python_side = (
        DecodeError,
        AssertionError,
        RuntimeError,
        ValueError,
        IndexError,
        TypeError,
        AttributeError,
        OSError,
    )
    return FaceAnalysis, _session_options(n_threads), (*bad_pack, *python_side)


def _link_files(pack: ModelPack, folder: Path) -> None:
    for file in pack.files:
        try:
            (folder / file.name).symlink_to(file.resolve())
        except OSError:  # no right to make links (Windows)
            shutil.copyfile(file, folder / file.name)


def _remove(folder: Path, owner_pid: int) -> None:
    """Remove the links, unless this is a forked child that merely inherited the runtime."""
    if os.getpid() == owner_pid:
        shutil.rmtree(folder, ignore_errors=True)


def _is_there(pack: str | Path, root: str | Path | None) -> bool:
    try:
        find_pack(pack, root=root)
    except ModelPackError:
        return False
    return True


def _pose(points106: npt.NDArray[np.float32] | None, points5: npt.NDArray[np.float32]) -> Pose | None:
    return pose_from_106(points106) if points106 is not None else pose_from_5(points5)


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _check_image(image: npt.NDArray[Any]) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"A picture must be a uint8 array of shape (H, W, 3) in BGR order, got {got}.")


def _recognised(faces: Sequence[Face], aligned: Sequence[npt.NDArray[np.uint8]], recogniser: Any) -> tuple[Face, ...]:
    return tuple(
        _with_embedding(face, crop, vector)
        for face, crop, vector in zip(faces, aligned, _vectors(aligned, recogniser), strict=True)
    )


def _vectors(aligned: Sequence[npt.NDArray[np.uint8]], recogniser: Any) -> Sequence[npt.NDArray[np.float32]]:
    """Return the recogniser's output for each aligned face; one by one if the model takes no more than one."""
    if len(aligned) == 1 or isinstance(recogniser.input_shape[0], int):
        return [recogniser.get_feat(crop)[0] for crop in aligned]
    return list(recogniser.get_feat(list(aligned))) if aligned else []


def _with_embedding(face: Face, aligned: npt.NDArray[np.uint8], vector: npt.NDArray[np.float32]) -> Face:
    embedding = normalised(vector)
    if embedding is None:
        reason = "the recogniser finds nothing face-like in the box"
        return replace(face, status=MeasurementStatus.NO_FACE, reason=reason)
    return replace(face, embedding=embedding, fine_detail=fine_detail(aligned))


def _on_one_thread(recogniser: Any) -> Any:
    """Return a recogniser of the same weights whose every call works on one thread."""
    import onnxruntime

    session, on_cpu = recogniser.session, ["CPUExecutionProvider"]
    if session.get_session_options().intra_op_num_threads == 1 or session.get_providers() != on_cpu:
        return recogniser
    alone = copy.copy(recogniser)
    alone.session = onnxruntime.InferenceSession(recogniser.model_file, _session_options(1), providers=on_cpu)
    return alone


def _session_options(n_threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Threads share a layer in ever smaller blocks, so that none waits long for one that was held up (4 % of the time).
    options.add_session_config_entry("session.dynamic_block_base", "4")
    return options


def _library_versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    def of(package: str) -> str:
        try:
            return f"{package.removesuffix('-python')} {version(package)}"
        except PackageNotFoundError:
            return f"{package} unknown"

    return ", ".join(of(name) for name in ("insightface", "onnxruntime", "opencv-python"))
