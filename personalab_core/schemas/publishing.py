"""What leaves the workspace: the mark every exported file carries, and the record of every export."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from personalab_core.schemas.contract import Contract
from personalab_core.schemas.evaluation import EvaluatorInfo, MeasurementStatus
from personalab_core.schemas.records import AssetType, Record

_CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class DigitalSource(StrEnum):
    """How a picture came to be: IPTC's NewsCodes, as XMP and C2PA both write them."""

    TRAINED = f"{_CODES}trainedAlgorithmicMedia"
    """Made by a generative model."""
    COMPOSITE = f"{_CODES}compositeWithTrainedAlgorithmicMedia"
    """Made by a generative model, with a real picture in it."""


class Disclosure(Contract):
    """What the mark of one file says. It holds no prompt.

    ``parent_sha256`` is that of the picture as the provider sent it; ``edits`` are ours since
    then, in order; ``record_hash`` is that of the attempt's record, which ties the file to the chain.
    """

    digital_source: DigitalSource = DigitalSource.TRAINED
    persona: str
    asset_id: str
    tool: str
    provider: str
    model: str
    simulated: bool
    parent_sha256: str
    record_hash: str | None = None
    edits: tuple[str, ...] = ()
    created: AwareDatetime


C2paState = Literal["none", "valid", "untrusted", "development", "invalid", "unreadable"]
"""``untrusted``: intact, by a signer on no trust list; ``development``: intact, signed with a certificate
generated here; ``unreadable``: c2pa-python is not installed."""


class MarkReport(Contract):
    """What a file says of itself, read back from its bytes.

    Attributes:
        marked: Whether a machine finds that the file is AI-generated, in XMP or in an intact manifest.
        digital_source: The IPTC code found, as it stands there, or ``None``.
        in_xmp: Whether the XMP packet says it.
        c2pa: State of the C2PA manifest.
        signer: Whom the certificate names.
        ingredients: Titles of the manifest's ingredients; a vendor's manifest is kept in one.
        disclosure: Our own fields, if this program wrote the mark.
        sentence: The finding in words.
    """

    marked: bool
    digital_source: str | None = None
    in_xmp: bool = False
    c2pa: C2paState = "none"
    signer: str | None = None
    ingredients: tuple[str, ...] = ()
    disclosure: Disclosure | None = None
    sentence: str


class IdentityAfter(Contract):
    """Identity measured again on the finished file; ``None`` is not measured, never zero."""

    status: MeasurementStatus
    composite_before: float | None = None
    composite_after: float | None = None
    similarity_before: float | None = None
    similarity_after: float | None = None
    evaluator: EvaluatorInfo | None = None

    @property
    def similarity_loss(self) -> float | None:
        """Cosine similarity lost by finishing; negative if it rose."""
        if self.similarity_before is None or self.similarity_after is None:
            return None
        return self.similarity_before - self.similarity_after


class ExportRecord(Record):
    """One file that left the workspace."""

    kind: Literal["export"] = "export"
    export_id: str
    persona: str
    asset_id: str
    attempt_id: str
    asset_type: AssetType = "image"
    channel: str
    file_name: str
    file_sha256: str
    source_path: str
    """Relative to the workspace output folder, POSIX separators."""
    source_sha256: str
    width_px: int | None = None
    height_px: int | None = None
    crop: tuple[int, int, int, int] | None = None
    """Part of the upright source that was kept: x0, y0, x1, y1 in its pixels."""
    edits: tuple[str, ...] = ()
    advice: str = ""
    """What the post-processing gate said of the asset, and why; empty in records older than this field."""
    realism: str | None = None
    seed: int | None = None
    marked: bool
    digital_source: DigitalSource | None = None
    c2pa: C2paState = "none"
    c2pa_note: str = ""
    upstream_manifest: Literal["none", "kept", "lost"] = "none"
    """Of the provider's file: kept as ingredient, or lost because nothing could carry it."""
    identity: IdentityAfter | None = None
    caption: str = Field(default="", repr=False)
    disclosure_text: str = ""
