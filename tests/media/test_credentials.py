"""Content Credentials with keys and authorities that are made here."""

import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gantools.core.errors import MissingDependencyError, RecipeError
from gantools.media.credentials import Credentials, credentials_of, read_signer
from gantools.media.grid import png_bytes
from gantools.media.pictures import mark_of_picture, read_picture
from gantools.media.provenance import GENERATED
from tests.media.certificates import Key, certificate, pem, write_signer

ORIGIN = {"gantools.artifact": "ab", "gantools.seeds": "7"}
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
PNG = png_bytes(PIXELS, ORIGIN)
KEYS: dict[str, Key] = {
    "es256": ec.generate_private_key(ec.SECP256R1()),
    "es384": ec.generate_private_key(ec.SECP384R1()),
    "es512": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ps256": rsa.generate_private_key(65537, 2048),
}


def chunk_of(png: bytes, kind: bytes) -> tuple[int, int]:
    """Where the content of a chunk is."""
    begin = png.index(kind) + 4
    return begin, begin + int.from_bytes(png[begin - 8 : begin - 4], "big")


def with_another_pixel(png: bytes) -> bytes:
    """The same file but for one level of one pixel, and what PNG derives from it."""
    begin, end = chunk_of(png, b"IDAT")
    lines = bytearray(zlib.decompress(png[begin:end]))
    lines[5] ^= 1
    packed = zlib.compress(bytes(lines))
    chunk = b"IDAT" + packed
    head, tail = png[: begin - 8], png[end + 4 :]
    return head + len(packed).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + tail


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_is_signed_is_valid_and_by_a_known_authority_trusted(algorithm: str, tmp_path: Path) -> None:
    key, chain, authority = write_signer(tmp_path, KEYS[algorithm])
    signer = read_signer(key, chain)
    assert signer.algorithm == algorithm
    assert "PRIVATE" not in repr(signer)
    path = tmp_path / "a.png"
    path.write_bytes(signer.sign(PNG, ORIGIN))
    facts = {"artifact": "ab", "seeds": "7"}
    expected = Credentials("valid", "signer, Tests", (), mark_of_picture(path).tool, GENERATED, facts)
    assert credentials_of(path) == expected
    found = credentials_of(path, authority)
    assert found is not None
    assert found.state == "trusted"
    stranger = write_signer(tmp_path / "other")[2]
    assert credentials_of(path, stranger) == expected


def test_a_changed_pixel_a_changed_mark_and_a_changed_manifest_show(tmp_path: Path) -> None:
    key, chain, _ = write_signer(tmp_path)
    signed = read_signer(key, chain).sign(PNG, ORIGIN)
    mark = signed.replace(b'gantools:seeds="7"', b'gantools:seeds="8"')
    begin, end = chunk_of(mark, b"iTXtXML")
    crc = zlib.crc32(mark[begin - 4 : end]).to_bytes(4, "big")
    changed = {
        "pixel": (with_another_pixel(signed), {"assertion.dataHash.mismatch"}),
        "mark": (mark[:end] + crc + mark[end + 4 :], {"assertion.dataHash.mismatch"}),
        "manifest": (signed.replace(b"trainedAlgorithmicMedia", b"trainedAlgorithmicMedib", 1), set()),
    }
    for name, (content, problems) in changed.items():
        assert content != signed
        path = tmp_path / f"{name}.png"
        path.write_bytes(content)
        found = credentials_of(path)
        assert found is not None
        assert found.state == "invalid", name
        assert found.problems
        assert problems <= set(found.problems)
    assert (read_picture(tmp_path / "pixel.png", 3).pixels != PIXELS).any(), "it is a picture all the same"


def test_files_without_a_manifest_have_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    assert credentials_of(tmp_path / "a.png") is None
    (tmp_path / "a.mkv").write_bytes(b"no place for one")
    assert credentials_of(tmp_path / "a.mkv") is None
    (tmp_path / "b.png").write_bytes(b"no png")
    assert credentials_of(tmp_path / "b.png") == Credentials(
        "unreadable", problems=("Io: failed to fill whole buffer.",)
    )


def test_a_key_in_one_file_with_its_certificates_and_in_the_older_form_is_read(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key, chain, _ = write_signer(tmp_path, KEYS["es256"])
    key.write_bytes(chain.read_bytes() + key.read_bytes())
    assert read_signer(key, key).algorithm == "es256"
    old = KEYS["es256"].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    key.write_bytes(old)
    assert read_signer(key, chain).sign(PNG, ORIGIN) != PNG


def test_each_wrong_key_and_certificate_is_one_sentence(tmp_path: Path) -> None:
    key, chain, authority = write_signer(tmp_path)
    other, *_ = write_signer(tmp_path / "other")
    odd, odd_chain, _ = write_signer(tmp_path / "odd", ec.generate_private_key(ec.SECP256K1()))
    hidden, alone = tmp_path / "hidden.pem", tmp_path / "alone.pem"
    hidden.write_bytes(pem(KEYS["es256"], b"secret"))
    root = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "root.pem").write_bytes(pem(root))
    alone.write_bytes(certificate("me", root, "me", root, authority=True))
    cases = [
        (tmp_path / "none.pem", chain, "none.pem' cannot be read: No such file or directory."),
        (key, tmp_path / "none.pem", "none.pem' cannot be read: No such file or directory."),
        (chain, chain, "chain.pem' holds no private key as PEM."),
        (key, key, "key.pem' holds no certificates as PEM."),
        (other, chain, "does not belong to the first certificate in"),
        (key, authority, "which is of 'CN=authority,O=Tests'."),
        (hidden, chain, "has a password"),
        (odd, odd_chain, "C2PA signs with no key of the kind in"),
        (tmp_path / "root.pem", alone, "C2PA does not allow the certificate in"),
    ]
    for one, certificates, message in cases:
        with pytest.raises(RecipeError) as caught:
            read_signer(one, certificates)
        assert message in caught.value.message
    assert len(cases) == 9
    with pytest.raises(RecipeError, match=r"key\.pem' holds no certificates as PEM"):
        credentials_of(key, key)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, chain, _ = write_signer(tmp_path)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(MissingDependencyError, match="'c2pa' is needed to sign and check") as caught:
        read_signer(key, chain)
    assert caught.value.hint == "pip install 'gantools[c2pa]'"
