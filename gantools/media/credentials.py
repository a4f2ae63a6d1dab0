"""Content Credentials: a manifest by the standard C2PA in a picture, signed, so that a change of one pixel shows.

No time-stamp authority is asked, and no list of trusted signers: nothing here needs a network. A signed file has random
salts and identifiers in it, unlike the file before it was signed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, final

from gantools.core.errors import DataError, RecipeError, first_line
from gantools.core.optional import require
from gantools.core.version import VERSION
from gantools.media.provenance import GENERATED, PREFIX

_WHY = "to sign and check content credentials"
_LABEL = "gantools.origin"
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_UNTRUSTED = "signingCredential.untrusted"
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_NEEDS = (
    "the first certificate is the signer's own, for digital signatures and with an extended key usage such as "
    "emailProtection, and after it comes the one that issued it"
)


@final
@dataclass(frozen=True)
class Signer:
    """A key and its certificates, with which a picture has been signed to try them.

    Attributes:
        algorithm: By C2PA's name: ``es256``, ``es384``, ``es512``, ``ps256``, ``ed25519``.
        chain: Certificates as PEM, the signer's own first.
        key: As PEM, PKCS #8.
    """

    algorithm: str
    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def sign(self, content: bytes, origin: Mapping[str, str]) -> bytes:
        """Put a signed manifest into a PNG.

        Args:
            content: The file.
            origin: What a network made it of, as in ``provenance.packet``.

        Returns:
            The file with the manifest: ``c2pa.created`` by a trained model, and where it comes from.

        Raises:
            RecipeError: The library refused.
        """
        c2pa: Any = require("c2pa", extra="c2pa", why=_WHY)
        agent = {"name": "gantools", "version": VERSION}
        made = {"action": "c2pa.created", "digitalSourceType": GENERATED, "softwareAgent": agent}
        facts = {key[len(PREFIX) :]: text for key, text in origin.items() if key.startswith(PREFIX)}
        manifest = {
            "claim_generator_info": [agent],
            "assertions": [
                {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [made]}},
                {"label": _LABEL, "created": True, "data": facts},
            ],
        }
        settings = {**_OFFLINE, "builder": {"thumbnail": {"enabled": False}}}
        out = io.BytesIO()
        try:
            info = c2pa.C2paSignerInfo(self.algorithm.encode(), self.chain, self.key, None)
            with (
                c2pa.Context.from_dict(settings) as context,
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder.from_json(json.dumps(manifest), context) as builder,
            ):
                builder.sign(signer, "image/png", io.BytesIO(content), out)
        except c2pa.C2paError as err:
            raise RecipeError(f"the picture cannot be signed: {first_line(err)}", hint=_NEEDS) from err
        return out.getvalue()


def read_signer(key: Path, certificates: Path) -> Signer:
    """Read a key and its certificates, and sign a picture of one pixel with them.

    Args:
        key: PEM, without a password.
        certificates: PEM, the signer's own first; it may be the same file.

    Raises:
        RecipeError: A file is missing or is something else, they do not belong together, or C2PA does not allow them.
        MissingDependencyError: The library ``c2pa-python`` is not installed.
    """
    require("c2pa", extra="c2pa", why=_WHY)
    forms: Any = require("cryptography.hazmat.primitives.serialization", extra="c2pa", why=_WHY)
    exceptions: Any = require("cryptography.exceptions", extra="c2pa", why=_WHY)
    content = _read(key)
    try:
        private = forms.load_pem_private_key(content, None)
    except TypeError as err:
        raise RecipeError(
            f"the key in '{key}' has a password, and nobody is here to type it.",
            hint="write it without: openssl pkcs8 -topk8 -nocrypt",
        ) from err
    except (ValueError, exceptions.UnsupportedAlgorithm) as err:
        raise RecipeError(f"'{key}' holds no private key as PEM.", hint="it begins with BEGIN PRIVATE KEY") from err
    chain = _certificates(certificates)
    if chain[0].public_key() != private.public_key():
        raise RecipeError(
            f"the key in '{key}' does not belong to the first certificate in '{certificates}', "
            f"which is of '{chain[0].subject.rfc4514_string()}'.",
            hint="the signer's own certificate comes first, then the one that issued it",
        )
    plain = private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    found = Signer(_algorithm(private, key), _pem(chain), plain)
    try:
        found.sign(_one_pixel(), {})
    except RecipeError as err:
        said = err.message.removeprefix("the picture cannot be signed: ")
        raise RecipeError(f"C2PA does not allow the certificate in '{certificates}': {said}", hint=_NEEDS) from err
    return found


@dataclass(frozen=True)
class Credentials:
    """What a signed manifest says, and whether it holds.

    Attributes:
        state: ``trusted``; ``valid``: as it was signed, by somebody who is on no list that was given; ``invalid``: the
            file or the manifest was changed, or breaks the standard; ``unreadable``: the library made nothing of the
            file, and ``problems`` has its words.
        signer: In whose name the certificate is.
        problems: What is wrong, in C2PA's codes.
        tool: What made the claim.
        source_type: IPTC's term as a URI, of the action that made the file; empty: none says it.
        facts: As in ``provenance.Mark``.
    """

    state: Literal["trusted", "valid", "invalid", "unreadable"]
    signer: str = ""
    problems: tuple[str, ...] = ()
    tool: str = ""
    source_type: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def hold(self) -> bool:
        """Whether all of it is as it was signed, by whomever."""
        return self.state in ("trusted", "valid")


def credentials_of(path: Path, trusted: Path | None = None) -> Credentials | None:
    """Check the manifest of a picture or a video.

    Args:
        path: The file.
        trusted: Certificates of authorities, as PEM, whose signers are trusted; none: nobody is.

    Returns:
        None: there is none, or files of this kind have no place for one.

    Raises:
        DataError: The file cannot be read.
        RecipeError: The list of authorities cannot be read.
        MissingDependencyError: The library ``c2pa-python`` is not installed.
    """
    c2pa: Any = require("c2pa", extra="c2pa", why=_WHY)
    settings: dict[str, Any] = dict(_OFFLINE)
    if trusted is not None:
        settings["trust"] = {"trust_anchors": _pem(_certificates(trusted)).decode()}
    try:
        with c2pa.Context.from_dict(settings) as context, c2pa.Reader(str(path), context=context) as reader:
            return _credentials(json.loads(reader.json()))
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return None
    except c2pa.C2paError as err:
        return Credentials("unreadable", problems=(first_line(err),))
    except OSError as err:
        raise DataError(f"'{path}' cannot be read: {first_line(err)}") from err


def _credentials(found: dict[str, Any]) -> Credentials:
    manifest = found.get("manifests", {}).get(found.get("active_manifest"), {})
    failures = found.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    state = {"Trusted": "trusted", "Valid": "valid"}.get(found.get("validation_state", ""), "invalid")
    by = manifest.get("signature_info", {})
    tool: dict[str, Any] = next(iter(manifest.get("claim_generator_info", [])), {})
    data = {one["label"]: one["data"] for one in manifest.get("assertions", []) if isinstance(one.get("data"), dict)}
    actions = [one for label in data if label.startswith("c2pa.actions") for one in data[label].get("actions", [])]
    return Credentials(
        state,  # type: ignore[arg-type]
        ", ".join(by[key] for key in ("common_name", "issuer") if by.get(key)),
        tuple(dict.fromkeys(one["code"] for one in failures if one["code"] != _UNTRUSTED)),
        f"{tool.get('name', '')} {tool.get('version', '')}".strip(),
        next((one["digitalSourceType"] for one in actions if "digitalSourceType" in one), ""),
        {key: str(text) for key, text in data.get(_LABEL, {}).items()},
    )


def _algorithm(private: Any, path: Path) -> str:
    ec: Any = require("cryptography.hazmat.primitives.asymmetric.ec", extra="c2pa", why=_WHY)
    rsa: Any = require("cryptography.hazmat.primitives.asymmetric.rsa", extra="c2pa", why=_WHY)
    edwards: Any = require("cryptography.hazmat.primitives.asymmetric.ed25519", extra="c2pa", why=_WHY)
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, edwards.Ed25519PrivateKey):
        return "ed25519"
    raise RecipeError(
        f"C2PA signs with no key of the kind in '{path}'.", hint="take one of P-256, P-384, P-521, Ed25519 or RSA"
    )


def _certificates(path: Path) -> list[Any]:
    """Those in a file of PEM, whose public keys can be read."""
    x509: Any = require("cryptography.x509", extra="c2pa", why=_WHY)
    exceptions: Any = require("cryptography.exceptions", extra="c2pa", why=_WHY)
    content = _read(path)
    try:
        found: list[Any] = x509.load_pem_x509_certificates(content)
        for one in found:
            one.public_key()
    except (ValueError, exceptions.UnsupportedAlgorithm) as err:
        raise RecipeError(f"'{path}' holds no certificates as PEM.", hint="they begin with BEGIN CERTIFICATE") from err
    return found


def _pem(certificates: list[Any]) -> bytes:
    forms: Any = require("cryptography.hazmat.primitives.serialization", extra="c2pa", why=_WHY)
    return b"".join(one.public_bytes(forms.Encoding.PEM) for one in certificates)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise RecipeError(f"'{path}' cannot be read: {err.strerror}.") from err


def _one_pixel() -> bytes:
    import numpy as np

    from gantools.media.grid import png_bytes

    return png_bytes(np.zeros((1, 1, 1), np.uint8))
