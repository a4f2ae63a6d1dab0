"""XMP that says where pictures come from, and what is kept of XMP that was there."""

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gantools.core.version import VERSION
from gantools.media.grid import png_bytes
from gantools.media.pictures import SUFFIXES, Picture, mark_of_picture, read_picture, write_picture
from gantools.media.provenance import EDITED, GENERATED, SOURCE_TYPES, Mark, amended, mark_of_packet, packet

ORIGIN = {"gantools.artifact": "ab" * 32, "gantools.seeds": "0-3", "other": "stays out"}
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
CAMERA = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="uuid:7"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:iptc="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmp:CreatorTool="a camera">
<dc:creator><rdf:Seq><rdf:li>A. Nobody</rdf:li></rdf:Seq></dc:creator>
<iptc:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</iptc:DigitalSourceType>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def test_a_packet_says_what_it_was_given_and_nothing_that_changes() -> None:
    found = mark_of_packet(packet(ORIGIN))
    assert found == Mark(GENERATED, f"gantools {VERSION}", {"artifact": "ab" * 32, "seeds": "0-3"})
    assert str(found) == f"artifact {'ab' * 32}, seeds 0-3"
    assert packet(ORIGIN) == packet(ORIGIN)


def test_any_text_makes_a_packet_that_can_be_read() -> None:
    said = mark_of_packet(packet({"gantools.images": "a<\"'&>\x01\udc80ü"})).facts["images"]
    assert said == "a<\"'&>\ufffd\ufffdü"


def test_what_a_camera_wrote_stays_but_for_the_source_type() -> None:
    made = amended(CAMERA, ORIGIN)
    assert mark_of_packet(CAMERA) == Mark(f"{SOURCE_TYPES}digitalCapture", "a camera")
    assert mark_of_packet(made) == Mark(EDITED, f"gantools {VERSION}", {"artifact": "ab" * 32, "seeds": "0-3"})
    tree = ElementTree.fromstring(made)
    rdf, dc = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://purl.org/dc/elements/1.1/}"
    assert tree.findtext(f".//{dc}creator/{rdf}Seq/{rdf}li") == "A. Nobody"
    assert {one.get(f"{rdf}about") for one in tree.iter(f"{rdf}Description")} == {"uuid:7"}
    assert made.count(b"DigitalSourceType") == 1
    assert made.count(b"CreatorTool") == 1


def test_what_was_generated_stays_so_and_its_mark_becomes_what_it_is_made_of() -> None:
    again = mark_of_packet(amended(packet(ORIGIN), {"gantools.artifact": "cd"}))
    assert again.source_type == GENERATED
    assert again.facts == {"artifact": "cd", "made_of": f"artifact {'ab' * 32}, seeds 0-3"}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"no xml",
        b"<a/>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        CAMERA[:300],
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + CAMERA,
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + CAMERA.decode()).encode("utf-16"),
        b"<a>" * 5000 + b"</a>" * 5000,
    ],
)
def test_a_packet_that_is_none_or_a_trap_counts_as_none(broken: bytes) -> None:
    assert not mark_of_packet(broken)
    assert amended(broken, ORIGIN) == packet(ORIGIN, EDITED)


def test_every_kind_of_picture_but_bmp_carries_it_there_and_back(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
        write_picture(first, PIXELS, Picture(PIXELS, xmp=CAMERA), ORIGIN)
        write_picture(second, PIXELS, read_picture(first, 3))
        for path in (first, second):
            assert mark_of_picture(path).facts.get("seeds") == (None if suffix == ".bmp" else "0-3"), path
            assert (b"A. Nobody" in path.read_bytes()) == (suffix != ".bmp"), path
    assert len(list(tmp_path.iterdir())) == 2 * len(SUFFIXES) == 14


def test_xmp_that_is_too_long_for_jpeg_gives_way_to_the_mark(tmp_path: Path) -> None:
    long = CAMERA.replace(b"A. Nobody", b"A" * 70_000)
    write_picture(tmp_path / "a.jpg", PIXELS, Picture(PIXELS, xmp=long), ORIGIN)
    assert mark_of_picture(tmp_path / "a.jpg").facts["seeds"] == "0-3"
    write_picture(tmp_path / "a.png", PIXELS, Picture(PIXELS, xmp=long), ORIGIN)
    assert b"A" * 70_000 in (tmp_path / "a.png").read_bytes()


def test_only_what_a_network_made_is_marked(tmp_path: Path) -> None:
    assert b"xpacket" not in png_bytes(PIXELS)
    assert png_bytes(PIXELS, ORIGIN) == png_bytes(PIXELS, ORIGIN)
    (tmp_path / "a.png").write_bytes(png_bytes(PIXELS, ORIGIN))
    with Image.open(tmp_path / "a.png") as image:
        assert mark_of_packet(image.info["xmp"]).source_type == GENERATED
        np.testing.assert_array_equal(np.asarray(image), PIXELS)


def test_text_chunks_of_a_png_without_xmp_are_a_mark_too(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_itxt("gantools.seeds", "7")
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=chunks)
    assert mark_of_picture(tmp_path / "a.png") == Mark("", "gantools", {"seeds": "7"})


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
def test_exiftool_reads_the_same(tmp_path: Path) -> None:
    paths = [tmp_path / f"a{suffix}" for suffix in SUFFIXES if suffix != ".bmp"]
    for path in paths:
        write_picture(path, PIXELS, Picture(PIXELS, xmp=CAMERA), ORIGIN)
    done = subprocess.run(["exiftool", "-j", "-n", "-G1", *map(str, paths)], capture_output=True, text=True, check=True)
    read = json.loads(done.stdout)
    assert len(read) == len(paths) == 6
    for one in read:
        assert one["XMP-iptcExt:DigitalSourceType"] == EDITED
        assert one["XMP-gantools:Artifact"] == "ab" * 32
        assert one["XMP-dc:Creator"] == "A. Nobody"
        assert not [key for key in one if key.startswith("ExifTool:Warn")]
