"""A folder for C++: a header, and a file for OpenVINO and one for ONNX Runtime, built by CMake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gantools.bundle.folder import copy_files, filled_in, write_common
from gantools.bundle.golden import noise_vectors
from gantools.bundle.source import Options, Source

_FREE = {"batch": "kBatch", "steps": "kSteps"}


def write(source: Source, folder: Path, options: Options) -> None:  # noqa: ARG001 - of the table
    """Write it."""
    write_common(source, folder)
    (folder / "model.hpp").write_text(_model(source.description()), encoding="utf-8")
    (folder / "golden" / "noise.txt").write_text(_noise())
    golden = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))
    (folder / "golden" / "golden.txt").write_bytes(_golden(golden))
    sample = "build/sample " + ("--image golden/image.npy" if source.makes_images_of_images else "7 8 9")
    copy_files("cpp", folder, {**filled_in(source), "SAMPLE": sample})


def _noise() -> str:
    """A line for each vector: seed, stream, how many, words, bits of uniform numbers, bits of normal ones."""
    return "".join(
        " ".join(
            map(str, [one["seed"], one["stream"], len(one["words"]), *one["words"]] + one["uniforms"] + one["normals"])
        )
        + "\n"
        for one in noise_vectors()
    )


def _golden(golden: dict[str, Any]) -> bytes:
    """How many, whether images and texts come along, the seeds, and each text behind its length in bytes."""
    texts = [text.encode() for text in golden["texts"] or []]
    head = f"{len(golden['seeds'])} {int(golden['image'] is not None)} {int(golden['texts'] is not None)}\n"
    lines = [head.encode(), " ".join(golden["seeds"]).encode(), b"\n"]
    return b"".join(lines) + b"".join(b"%d %b\n" % (len(text), text) for text in texts)


def _model(description: dict[str, Any]) -> str:
    """``generator.json`` as constants."""
    text = description["text"] or {"end": 0, "unknown": 2, "join": "none", "tokens": []}
    limits = {
        name: description["axes"].get(name, {"min": 1, "max": 1 if name == "batch" else 0})
        for name in ("batch", "steps")
    }
    inputs = ",\n".join(f"    {_input(one)}" for one in description["inputs"])
    lines = [
        "// What generator.json says.",
        "#pragma once",
        "",
        '#include "description.hpp"',
        "",
        "namespace generator::model {",
        "",
        f"inline const char* const file = {_quoted(description['model'])};",
        f"inline const char* const output = {_quoted(description['output']['name'])};",
        f"inline const std::vector<Input> inputs{{\n{inputs}}};",
        *(f"constexpr Limits {name}{{{one['min']}, {one['max']}}};" for name, one in limits.items()),
        f"inline const std::vector<std::string> classes{{{', '.join(map(_quoted, description['classes']))}}};",
        f"constexpr std::int32_t end = {text['end']}, unknown = {text['unknown']};",
        f"constexpr Joint joint = Joint::{text['join']};",
        "inline const std::vector<std::string> tokens{",
        *(f"    {_quoted(token)}," for token in text["tokens"]),
        "};",
        "",
        "}  // namespace generator::model",
    ]
    return "\n".join(lines) + "\n"


def _input(one: dict[str, Any]) -> str:
    shape = ", ".join(str(size) if isinstance(size, int) else _FREE.get(size, "kFree") for size in one["shape"])
    numbers = [one.get(key, 0) for key in ("stream", "categories", "value", "low", "high")]
    flags = f"Type::{one['dtype']}, {{{shape}}}, {str(one['rows']).lower()}, Source::{one['source']}"
    return f"{{{_quoted(one['name'])}, {flags}, {', '.join(map(str, numbers))}}}"


def _quoted(text: str) -> str:
    """A literal in which everything but plain letters is octal, which ends after three digits."""
    plain = {*b" !#$%&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"}
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'
