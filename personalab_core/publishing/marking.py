"""The mark: written last, read back at once.

Every file that leaves says in a form machines read that it is AI-generated: IPTC's
``DigitalSourceType`` in XMP, and a signed C2PA manifest where c2pa-python is installed.
XMP comes first and the signature last, because writing XMP after signing breaks the manifest.
Any program that saves the file again drops the manifest and often the packet, our own
filters included; that is why finishing and marking are one step here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import ValidationError

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import InputError, PersonalabError
from personalab_core.publishing import manifests, mp4_packet
from personalab_core.publishing.certificates import SigningCredentials
from personalab_core.publishing.formats import MIME_TYPES, PictureFile, format_of, read_packet
from personalab_core.publishing.xmp import PacketContents, build_packet, parse_packet
from personalab_core.schemas.publishing import C2paState, DigitalSource, Disclosure, MarkReport

Upstream = Literal["none", "kept", "lost"]

_INTACT: frozenset[C2paState] = frozenset({"valid", "untrusted", "development"})
_AI_MADE = frozenset(source.value.rsplit("/", 1)[1] for source in DigitalSource) | {"algorithmicMedia"}


class MarkError(PersonalabError):
    """A mark that was written could not be read back; the file was not exported."""


@dataclass(frozen=True, slots=True)
class MarkedPicture:
    """A picture with its mark.

    Attributes:
        data: The finished bytes.
        report: What was read back from them.
        upstream: What became of the manifest that the provider's file carried.
    """

    data: bytes
    report: MarkReport
    upstream: Upstream


class Marker:
    """Writes marks and refuses what cannot be read back.

    Args:
        credentials: Who signs the C2PA manifest; ``None`` writes XMP only.
        text: Disclosure for people, put into the XMP as ``dc:rights``.
    """

    def __init__(self, *, credentials: SigningCredentials | None, text: str = "") -> None:
        self.credentials = credentials
        self._text = text

    def mark_picture(
        self, make: Callable[[bytes], PictureFile], disclosure: Disclosure, *, parent: bytes | None = None
    ) -> MarkedPicture:
        """Return the picture with the mark, read back.

        Args:
            make: Encodes the picture with the XMP packet it is given.
            disclosure: What the mark says.
            parent: The provider's file, whose own manifest is kept as an ingredient.

        Raises:
            MarkError: The mark was not found again in the finished bytes.
            SigningError: The manifest could not be signed.
        """
        file = make(build_packet(disclosure, text=self._text))
        target = io.BytesIO()
        upstream = self._finish(io.BytesIO(file.data), target, file.mime_type, disclosure, _as_stream(parent))
        report = read_mark_of(io.BytesIO(target.getvalue()), name=disclosure.asset_id)
        self._require(report, disclosure)
        return MarkedPicture(target.getvalue(), report, upstream)

    def mark_video(
        self, source: Path, target: Path, disclosure: Disclosure, *, parent: Path | None = None
    ) -> tuple[MarkReport, Upstream]:
        """Write a copy of an MP4 with the mark; picture and sound stay bit for bit as they are.

        Args:
            source: The video to mark.
            target: The marked copy.
            disclosure: What the mark says.
            parent: The provider's file, whose own manifest is kept as an ingredient; ``source`` itself if ``None``.

        Raises:
            InputError: ``source`` is no MP4, or it is cut off.
            MarkError: The mark was not found again; ``target`` is removed.
        """
        packed = target.with_name(f".{target.name}.packed")
        packet = build_packet(disclosure, text=self._text)
        try:
            with workspace_errors("write", target):
                with source.open("rb") as original, packed.open("w+b") as copy:
                    mp4_packet.write_packet(original, copy, packet)
                with packed.open("rb") as copy, target.open("w+b") as out, (parent or source).open("rb") as original:
                    upstream = self._finish(copy, out, MIME_TYPES["mp4"], disclosure, original)
            report = read_mark(target)
            self._require(report, disclosure)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            packed.unlink(missing_ok=True)
        return report, upstream

    def _finish(
        self, source: BinaryIO, target: BinaryIO, mime_type: str, disclosure: Disclosure, parent: BinaryIO | None
    ) -> Upstream:
        parent_format = _format_with_manifest(parent)
        if self.credentials is None:
            while chunk := source.read(1 << 20):
                target.write(chunk)
            return "lost" if parent_format else "none"
        kept = (disclosure.asset_id, MIME_TYPES[parent_format], parent) if parent_format and parent else None
        manifests.sign(source, target, mime_type, disclosure, self.credentials, parent=kept)
        return "kept" if kept else "none"

    def _require(self, report: MarkReport, disclosure: Disclosure) -> None:
        if not report.in_xmp or report.disclosure != disclosure:
            raise MarkError(
                f"{disclosure.asset_id}: the mark that says it is AI-generated was written but not found again "
                "in the finished file. It was not exported; please report this with the picture's format."
            )
        if self.credentials is not None and report.c2pa not in _INTACT:
            raise MarkError(
                f"{disclosure.asset_id}: the C2PA manifest was signed but reads back as {report.c2pa}. "
                "The file was not exported. Check the certificate's dates and purpose, or set publishing.c2pa: off."
            )


def read_mark(path: str | Path) -> MarkReport:
    """Return what a file says of where it came from.

    Args:
        path: JPEG, PNG, WebP or MP4, made by any program.

    Raises:
        InputError: The file is absent, damaged or of another kind.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file} is not a file that exists.")
    with workspace_errors("read", file), file.open("rb") as stream:
        return read_mark_of(stream, name=file.name)


def read_mark_of(stream: BinaryIO, *, name: str) -> MarkReport:
    """Do the same for bytes in a stream; ``name`` is what messages call them."""
    kind = format_of(stream.read(16))
    if kind is None:
        raise InputError(f"{name}: marks can be read from JPEG, PNG, WebP and MP4; this is none of them.")
    stream.seek(0)
    contents = parse_packet(mp4_packet.read_packet(stream) if kind == "mp4" else read_packet(stream.read()))
    return _report(contents, _manifest(stream, MIME_TYPES[kind]))


def _manifest(stream: BinaryIO, mime_type: str) -> manifests.ManifestContents:
    stream.seek(0)
    if manifests.can_sign():
        return manifests.read(stream, mime_type)
    return manifests.ManifestContents("unreadable" if manifests.carries_manifest(stream.read()) else "none")


def _report(packet: PacketContents, manifest: manifests.ManifestContents) -> MarkReport:
    in_xmp = _is_ai(packet.digital_source)
    by_manifest = manifest.state in _INTACT and _is_ai(manifest.digital_source)
    marked = in_xmp or by_manifest
    return MarkReport(
        marked=marked,
        digital_source=packet.digital_source or manifest.digital_source,
        in_xmp=in_xmp,
        c2pa=manifest.state,
        signer=manifest.signer,
        ingredients=manifest.ingredients,
        disclosure=packet.disclosure or _own(manifest),
        sentence=_sentence(marked=marked, in_xmp=in_xmp, manifest=manifest),
    )


def _own(manifest: manifests.ManifestContents) -> Disclosure | None:
    try:
        return Disclosure.model_validate(manifest.disclosure) if manifest.disclosure else None
    except ValidationError:
        return None


def _is_ai(code: str | None) -> bool:
    return code is not None and code.rstrip("/").rsplit("/", 1)[-1] in _AI_MADE


_MANIFESTS: dict[C2paState, str] = {
    "none": "It has no C2PA manifest.",
    "valid": "Its C2PA manifest is intact and signed by {signer}.",
    "untrusted": "Its C2PA manifest is intact; its signer, {signer}, is on no trust list.",
    "development": "Its C2PA manifest is intact, signed with a development certificate.",
    "invalid": "Its C2PA manifest is damaged or does not belong to these bytes.",
    "unreadable": f"It has a C2PA manifest that cannot be read here: {manifests.INSTALL}",
}


def _sentence(*, marked: bool, in_xmp: bool, manifest: manifests.ManifestContents) -> str:
    if not marked:
        first = "Not marked: nothing a machine can read says that this file is AI-generated."
    else:
        first = f"Marked as AI-generated in {'its metadata (XMP)' if in_xmp else 'its C2PA manifest'}."
    return f"{first} {_MANIFESTS[manifest.state].format(signer=manifest.signer)}"


def _as_stream(data: bytes | None) -> BinaryIO | None:
    return io.BytesIO(data) if data is not None else None


def _format_with_manifest(stream: BinaryIO | None) -> str | None:
    """Return the format of a file that carries a manifest, else ``None``; leaves the stream at its start."""
    if stream is None:
        return None
    stream.seek(0)
    data = stream.read()
    stream.seek(0)
    return format_of(data[:16]) if manifests.carries_manifest(data) else None
