"""The XMP packet: IPTC's ``DigitalSourceType`` for everybody, our own fields beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, register_namespace, tostring

from pydantic import ValidationError

from personalab_core.schemas.publishing import Disclosure

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
XMP = "http://ns.adobe.com/xap/1.0/"
DC = "http://purl.org/dc/elements/1.1/"
PERSONALAB = "urn:personalab-core:xmp:1#"
_META = "adobe:ns:meta/"

MAX_PACKET_BYTES = 1_000_000

_SOURCE_TYPE = f"{{{IPTC_EXT}}}DigitalSourceType"
_OWN_FIELDS = f"{{{PERSONALAB}}}Disclosure"

for _prefix, _uri in (
    ("x", _META),
    ("rdf", RDF),
    ("Iptc4xmpExt", IPTC_EXT),
    ("xmp", XMP),
    ("dc", DC),
    ("personalab", PERSONALAB),
):
    register_namespace(_prefix, _uri)


@dataclass(frozen=True, slots=True)
class PacketContents:
    """What an XMP packet says of where a picture came from.

    Attributes:
        digital_source: The IPTC code, whoever wrote it, or ``None``.
        disclosure: Our own fields, if they are there and whole.
    """

    digital_source: str | None = None
    disclosure: Disclosure | None = None


def build_packet(disclosure: Disclosure, *, text: str = "") -> bytes:
    """Return an XMP packet as UTF-8 bytes.

    Args:
        disclosure: What the mark says.
        text: Disclosure for people, written as ``dc:rights``; left out if empty.
    """
    meta = Element(f"{{{_META}}}xmpmeta")
    about = SubElement(SubElement(meta, f"{{{RDF}}}RDF"), f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    SubElement(about, _SOURCE_TYPE).text = disclosure.digital_source.value
    SubElement(about, f"{{{XMP}}}CreatorTool").text = disclosure.tool
    SubElement(about, f"{{{XMP}}}CreateDate").text = disclosure.created.isoformat(timespec="seconds")
    if text:
        choices = SubElement(SubElement(about, f"{{{DC}}}rights"), f"{{{RDF}}}Alt")
        SubElement(choices, f"{{{RDF}}}li", {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"}).text = text
    SubElement(about, _OWN_FIELDS).text = disclosure.model_dump_json(exclude_defaults=False)
    body: bytes = tostring(meta, encoding="utf-8")
    start = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
    return start + body + b'\n<?xpacket end="w"?>'


def parse_packet(packet: bytes | str | None) -> PacketContents:
    """Return what a packet says; nothing for one that is absent, broken or larger than 1 MB.

    Elements and attributes are both read: other programs write the short form.
    """
    data = packet.encode() if isinstance(packet, str) else packet
    if not data or len(data) > MAX_PACKET_BYTES:
        return PacketContents()
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(data.strip(b"\0 \n\r\t"))
    except (ParseError, DefusedXmlException, ValueError):
        return PacketContents()
    return PacketContents(_find(root, _SOURCE_TYPE), _own_fields(_find(root, _OWN_FIELDS)))


def _find(root: Element, name: str) -> str | None:
    for element in root.iter():
        if element.tag == name and element.text and element.text.strip():
            return element.text.strip()
        if element.get(name):
            return element.get(name)
    return None


def _own_fields(text: str | None) -> Disclosure | None:
    if text is None:
        return None
    try:
        return Disclosure.model_validate(json.loads(text))
    except (ValueError, ValidationError):
        return None
