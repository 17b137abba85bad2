"""Append-only records, the embeddings beside them, and the pictures they speak of.

Good means: what was written is never lost, never changed unnoticed and never half there,
whoever else writes at the same time; and a reader is told what could not be read.
"""

from personalab_core.observability.chain import ChainReport
from personalab_core.observability.embeddings import EmbeddingStore
from personalab_core.observability.journal import Journal, JournalContents
from personalab_core.observability.metrics import GenerationMetricsLogger
from personalab_core.observability.pictures import StoredPicture, make_thumbnail, store_picture, thumbnail_path

__all__ = [
    "ChainReport",
    "EmbeddingStore",
    "GenerationMetricsLogger",
    "Journal",
    "JournalContents",
    "StoredPicture",
    "make_thumbnail",
    "store_picture",
    "thumbnail_path",
]
