"""Where a picture or a video comes from, as an XMP packet: IPTC's marker of generated media, the tool, the artifact.

XMP is ISO 16684-1; the marker is ``Digital Source Type`` of the IPTC Photo Metadata Standard. A packet has no date, so
that the same artifact and seed give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.dom import Node, minidom
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from gantools.core.version import VERSION

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# Made by a model that was trained on samples, from nothing but noise, classes or a way between images.
GENERATED = f"{SOURCE_TYPES}trainedAlgorithmicMedia"
# Existing media that such a model changed, or that stand beside what it made. IPTC has 'algorithmicallyEnhanced'
# for corrections that invent nothing; a generator of images of images does invent, such as the detail that it adds.
EDITED = f"{SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
PREFIX = "gantools."
XMP_CHUNK = "XML:com.adobe.xmp"  # the text chunk of PNG that holds a packet
TOOL = f"gantools {VERSION}"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP = "http://ns.adobe.com/xap/1.0/"
# A namespace has to be a URI. Nobody can own one below .invalid (RFC 2606), so it claims no address.
_OWN = "https://gantools.invalid/ns/1.0/"
_ORDER = ("artifact", "name", "seeds", "label", "settings", "images", "backend", "made_of")
_DEEPEST = 100
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Mark:
    """What a file says of where it comes from.

    Attributes:
        source_type: IPTC's term as a URI, such as ``GENERATED``; empty: it does not say.
        tool: What made it, with its version; empty: it does not say.
        facts: ``artifact``, ``name``, ``seeds`` and others; ``str`` of a mark is of them alone.
    """

    source_type: str = ""
    tool: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in self.facts.items())

    def __bool__(self) -> bool:
        return bool(self.source_type or self.tool or self.facts)


def packet(origin: Mapping[str, str], source_type: str = GENERATED) -> bytes:
    """An XMP packet in UTF-8.

    Args:
        origin: As ``Generator.origin``, and what stands beside it: ``gantools.seeds``, ``gantools.label``. Keys that
            do not begin with ``gantools.`` are left out.
        source_type: ``GENERATED`` or ``EDITED``.
    """
    facts = {"tool": TOOL, **{key[len(PREFIX) :]: text for key, text in origin.items() if key.startswith(PREFIX)}}
    own = "".join(f" gantools:{name}={_quoted(text)}" for name, text in facts.items())
    return _wrapped(
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
        f'xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="{_XMP}" xmlns:gantools="{_OWN}" '
        f'Iptc4xmpExt:DigitalSourceType="{source_type}" xmp:CreatorTool="{TOOL}"{own}/></rdf:RDF></x:xmpmeta>'
    )


def amended(before: bytes | None, origin: Mapping[str, str]) -> bytes:
    """The packet of media that a network made of other media.

    What was generated from end to end stays so. Who created the source stays ``CreatorTool``, which is the first tool
    by definition, and an earlier mark of gantools becomes ``made_of``.

    Args:
        before: The packet of what it is made of, whose other properties are kept. One that is no XMP counts as none.
        origin: As in ``packet``.
    """
    old = _parsed(before) if before else None
    if old is None:
        return packet(origin, EDITED)
    document, frame = old
    mark = _mark(frame)
    facts = {**origin, **({f"{PREFIX}made_of": str(mark)} if mark.facts else {})}
    new = _parsed(packet(facts, GENERATED if mark.source_type == GENERATED else EDITED))
    assert new is not None
    (ours,) = _descriptions(new[1])
    about = [one.getAttributeNS(_RDF, "about") for one in _descriptions(frame)]
    ours.setAttribute("rdf:about", next(iter(about), ""))  # properties of one resource, in several descriptions
    has_creator = any(name == (_XMP, "CreatorTool") for name, *_ in _properties(frame))
    for name, owner, one in list(_properties(frame)):
        if name[0] == _OWN or name == (_IPTC, "DigitalSourceType"):
            owner.removeAttributeNode(one) if isinstance(one, minidom.Attr) else owner.removeChild(one)
    if has_creator:
        ours.removeAttributeNS(_XMP, "CreatorTool")
    frame.appendChild(document.importNode(ours, deep=True))
    assert document.documentElement is not None
    return _wrapped(document.documentElement.toxml())


def mark_of_packet(content: bytes) -> Mark:
    """What an XMP packet says; nothing, if it is none."""
    found = _parsed(content)
    return Mark() if found is None else _mark(found[1])


def _mark(frame: minidom.Element) -> Mark:
    texts = {name: _text(one) for name, _, one in _properties(frame)}
    facts = {name: text for (space, name), text in texts.items() if space == _OWN}
    tool = facts.pop("tool", "") or texts.get((_XMP, "CreatorTool"), "")
    return Mark(texts.get((_IPTC, "DigitalSourceType"), ""), tool, in_order(facts))


def in_order(facts: Mapping[str, str]) -> dict[str, str]:
    """Facts in the order in which they are shown."""
    return {name: facts[name] for name in (*_ORDER, *sorted({*facts} - {*_ORDER})) if name in facts}


def _wrapped(xml: str) -> bytes:
    head = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'  # both are fixed by the standard
    return f'{head}{xml}<?xpacket end="w"?>'.encode()


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))


def _parsed(content: bytes) -> tuple[minidom.Document, minidom.Element] | None:
    """The document and its ``rdf:RDF``; none: it is no XMP that can be trusted to be small in memory."""
    content = content.strip(b"\x00 \t\r\n")
    try:
        _look_over(content)
        document = minidom.parseString(content)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    frames = document.getElementsByTagNameNS(_RDF, "RDF")
    return (document, frames[0]) if frames else None


def _look_over(content: bytes) -> None:
    """Refuse a document type, whose entities could unfold without end, and depth, which Python's stack has to hold."""
    parser, depth = expat.ParserCreate(), 0

    def begin(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ValueError("too deep")

    def end(*_: object) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise ValueError("a document type")

    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = begin, end, declared
    parser.Parse(content, True)


def _descriptions(frame: minidom.Element) -> list[minidom.Element]:
    return [
        one
        for one in frame.childNodes
        if isinstance(one, minidom.Element) and (one.namespaceURI, one.localName) == (_RDF, "Description")
    ]


def _properties(
    frame: minidom.Element,
) -> Iterator[tuple[tuple[str, str], minidom.Element, minidom.Attr | minidom.Element]]:
    """Each property, written as an attribute or as an element: its namespace and name, its description, itself."""
    for owner in _descriptions(frame):
        nodes = [*owner.attributes.values(), *owner.childNodes]
        for one in nodes:
            if isinstance(one, minidom.Attr | minidom.Element):
                yield (one.namespaceURI or "", one.localName or ""), owner, one


def _text(one: minidom.Attr | minidom.Element) -> str:
    if isinstance(one, minidom.Attr):
        return str(one.value)
    written = "".join(part.data for part in one.childNodes if part.nodeType == Node.TEXT_NODE)
    return written.strip() or str(one.getAttributeNS(_RDF, "resource"))
