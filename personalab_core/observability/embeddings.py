"""Embeddings beside the records: one file of float16 rows per instrument."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError, RecordError
from personalab_core.observability.locking import exclusive
from personalab_core.schemas import EvaluatorInfo, check_slug

_DTYPE = np.dtype("<f2")


class EmbeddingStore:
    """Rows of one length in ``<path>``, described by ``<path without suffix>.json``.

    Half precision keeps a cosine similarity of two 512-d unit vectors to about 1e-4. Rows of two
    instruments never share a file.

    Args:
        path: The file; it and its header are made at the first append.
        evaluator: What measured the rows; noted in the header.
    """

    def __init__(self, path: str | Path, *, evaluator: EvaluatorInfo | None = None) -> None:
        self.path = Path(path)
        self.header_path = self.path.with_suffix(".json")
        self._evaluator = evaluator
        self._thread_lock = threading.Lock()

    @classmethod
    def of(cls, output_dir: str | Path, persona: str, evaluator: EvaluatorInfo) -> EmbeddingStore:
        """Return the store of a persona and instrument: ``<output>/<persona>/embeddings/<name>_<pack hash>.f16``.

        Raises:
            InputError: ``persona`` is not a valid persona id.
        """
        name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in (evaluator.name, evaluator.pack_hash) if part)
        return cls(Path(output_dir) / check_slug(persona) / "embeddings" / f"{name}.f16", evaluator=evaluator)

    @property
    def dim(self) -> int | None:
        """Length of a row, or ``None`` before the first append.

        Raises:
            RecordError: The header is damaged.
        """
        try:
            with workspace_errors("read", self.header_path):
                header = orjson.loads(self.header_path.read_bytes()) if self.header_path.is_file() else None
            return int(header["dim"]) if header is not None else None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise RecordError(f"{self.header_path}: the header of the embeddings is damaged.") from error

    def __len__(self) -> int:
        """Number of whole rows."""
        dim = self.dim
        return self.path.stat().st_size // (dim * _DTYPE.itemsize) if dim and self.path.is_file() else 0

    def append(self, vector: Sequence[float] | NDArray[np.floating]) -> int:
        """Write one row and return its number, counted from 0.

        Args:
            vector: (dim,) finite numbers; every row has the length of the first.

        Raises:
            InputError: The vector has another length or holds a number that is not finite.
            WorkspaceError: The disk is full or cannot be written; the file is as before.
        """
        row = np.asarray(vector, dtype=np.float32)
        if row.ndim != 1 or row.size == 0 or not np.isfinite(row).all():
            raise InputError(f"An embedding is one row of finite numbers, got shape {row.shape}.")
        with self._thread_lock, exclusive(self.path), workspace_errors("write", self.path):
            self._check_dim(row.size)
            return self._append_row(row.astype(_DTYPE).tobytes())

    def read(self, rows: Iterable[int] | None = None) -> NDArray[np.float32]:
        """Return rows as (n, dim) float32, in the order asked for; all of them without ``rows``.

        Raises:
            InputError: There is no such row.
            WorkspaceError: The file cannot be read.
        """
        dim = self.dim or 0
        n = len(self)
        with workspace_errors("read", self.path):
            # Mapped, so that a few rows of a large file are read without the rest.
            table = np.memmap(self.path, _DTYPE, "r", shape=(n, dim)) if n else np.empty((0, dim), _DTYPE)
        if rows is None:
            return table.astype(np.float32)
        wanted = list(rows)
        missing = [row for row in wanted if not 0 <= row < n]
        if missing:
            raise InputError(f"{self.path} has the rows 0 to {n - 1}, not {missing[0]}.")
        return np.asarray(table[wanted], dtype=np.float32)

    def _check_dim(self, dim: int) -> None:
        known = self.dim
        if known is None:
            header = {"dim": dim, "dtype": "float16", "byte_order": "little"}
            info = {"evaluator": self._evaluator.model_dump(mode="json")} if self._evaluator else {}
            write_atomic(self.header_path, orjson.dumps({**header, **info}, option=orjson.OPT_INDENT_2))
        elif known != dim:
            raise InputError(f"{self.path} holds embeddings of length {known}, got one of length {dim}.")

    def _append_row(self, data: bytes) -> int:
        with self.path.open("ab", buffering=0) as file:
            # A crash can leave a part of a row, which no record points to: the new row takes its place.
            start = os.fstat(file.fileno()).st_size // len(data) * len(data)
            os.ftruncate(file.fileno(), start)
            try:
                if os.write(file.fileno(), data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(file.fileno(), start)
                raise
        return start // len(data)
