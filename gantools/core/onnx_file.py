"""What must be known of an ONNX file before any library opens it: its metadata, and where its external data lies.

Reads the protobuf wire format directly, so that an app that only samples needs no `onnx` package, and so that an
unsafe file is refused before a runtime maps anything. It is not an ONNX parser: graphs are walked only as far as
external tensor data can hide (field numbers from onnx.proto, IR version 10 and later).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from gantools.core.errors import ArtifactError

_METADATA_PROPS = 14
_TENSOR_EXTERNAL_DATA = 13
# message -> {field: message inside it}. Every path along which a TensorProto can be reached.
_NESTED: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}


def read_metadata(path: Path) -> dict[str, str]:
    """The ``metadata_props`` of the model at ``path``.

    Raises:
        ArtifactError: The file is not an ONNX model.
    """
    with _mapped(path) as data:
        entries = [
            _string_entry(data, *span)
            for number, span in _fields(data, 0, len(data), path)
            if number == _METADATA_PROPS
        ]
    return dict(entries)


def append_metadata(path: Path, key: str, value: str) -> None:
    """Put one ``metadata_props`` entry at the end of the file: protobuf messages may be concatenated.

    One of the same key that was put there before makes room.
    """
    known = read_metadata(path).get(key)
    with path.open("r+b") as stream:
        size = stream.seek(0, 2)
        if known is not None:
            before = _metadata_entry(key, known)
            stream.seek(max(0, size - len(before)))
            if stream.read() == before:
                stream.truncate(size - len(before))
        stream.seek(0, 2)
        stream.write(_metadata_entry(key, value))


def _metadata_entry(key: str, value: str) -> bytes:
    parts = b"".join(_length_delimited(number, text.encode()) for number, text in ((1, key), (2, value)))
    return _length_delimited(_METADATA_PROPS, parts)


def external_data_locations(path: Path) -> list[str]:
    """Every distinct ``location`` of external tensor data in the model, as written in the file, unchecked."""
    with _mapped(path) as data:
        found = dict.fromkeys(_locations(data, 0, len(data), "Model", path))
    return list(found)


def check_external_data(path: Path) -> None:
    """Refuse a model whose external data would be read from outside the model's own folder.

    Raises:
        ArtifactError: A location is absolute, climbs out of the folder, or is a link that leads out of it.
    """
    folder = path.parent.resolve()
    for location in external_data_locations(path):
        if not (folder / location).resolve().is_relative_to(folder):
            raise ArtifactError(
                f"'{path}' wants to read tensor data from '{location}', outside its own folder, and is refused.",
                hint="re-export the model with its weights inside the file",
            )


def _length_delimited(number: int, content: bytes) -> bytes:
    return _encoded_varint(number << 3 | 2) + _encoded_varint(len(content)) + content


def _encoded_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as err:
        raise ArtifactError(f"there is no file '{path}'.") from err
    except (OSError, ValueError) as err:  # ValueError: an empty file cannot be mapped
        raise ArtifactError(f"'{path}' is not an ONNX file: {err}.") from err


def _locations(data: mmap.mmap, start: int, end: int, message: str, path: Path) -> Iterator[str]:
    nested = _NESTED[message]
    for number, (low, high) in _fields(data, start, end, path):
        if message == "Tensor" and number == _TENSOR_EXTERNAL_DATA:
            key, value = _string_entry(data, low, high)
            if key == "location":
                yield value
        elif number in nested:
            yield from _locations(data, low, high, nested[number], path)


def _string_entry(data: mmap.mmap, start: int, end: int) -> tuple[str, str]:
    parts = {number: data[low:high].decode() for number, (low, high) in _fields(data, start, end, Path("metadata"))}
    return parts.get(1, ""), parts.get(2, "")


def _fields(data: mmap.mmap, start: int, end: int, path: Path) -> Iterator[tuple[int, tuple[int, int]]]:
    """(field number, (start, end)) of every length-delimited field; other wire types are stepped over."""
    position = start
    while position < end:
        tag, position = _varint(data, position, end, path)
        number, wire = tag >> 3, tag & 7
        if wire == 2:
            length, position = _varint(data, position, end, path)
            if position + length > end:
                raise _broken(path)
            yield number, (position, position + length)
            position += length
        elif wire == 0:
            _, position = _varint(data, position, end, path)
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        else:
            raise _broken(path)


def _varint(data: mmap.mmap, position: int, end: int, path: Path) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise _broken(path)


def _broken(path: Path) -> ArtifactError:
    return ArtifactError(f"'{path}' is not a whole ONNX file.", hint="copy it again, or export it again")
