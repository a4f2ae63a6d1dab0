"""The generator of this folder: seeds to samples, with NumPy and ONNX Runtime alone.

    generator = Generator()
    images = generator.sample(range(16))      # images: uint8 (16, height, width, channels)
    texts = generator.sample([7], settings={"temperature": 0.7}, prefix="the file")     # texts: a list of str
    larger = generator.sample([0], image=photo[None])   # images of images: photo uint8 (height, width, channels)
    for frame in generator.film(frames): ...            # where frames depend on others: one after another

The same seed gives the same sample in any batch, and in every language that such a folder is made for.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from noise import categories, normals, uniforms

Array = npt.NDArray[Any]
Run = Callable[[dict[str, Array], Sequence[str]], list[Array]]
HERE = Path(__file__).resolve().parent
FREE = -1  # in a prefix: the network chooses


class Generator:
    """Seeds to samples.

    Args:
        folder: Where ``generator.json`` and the model lie.
        providers: Of ONNX Runtime, such as ``["CUDAExecutionProvider"]``.
        threads: CPU threads of one run; none: as many as there are.
        run: What computes outputs, by their names, from all inputs, instead of ONNX Runtime.
    """

    def __init__(
        self,
        folder: str | Path = HERE,
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int | None = None,
        run: Run | None = None,
    ) -> None:
        folder = Path(folder)
        self.description: dict[str, Any] = json.loads((folder / "generator.json").read_text(encoding="utf-8"))
        self._run = run or _onnxruntime(folder / self.description["model"], self.description, providers, threads)

    def sample(
        self,
        seeds: Sequence[int],
        *,
        settings: Mapping[str, float] | None = None,
        label: int | str | None = None,
        prefix: str | Sequence[int] | None = None,
        steps: int | None = None,
        image: npt.NDArray[np.uint8] | None = None,
        inputs: Mapping[str, Array] | None = None,
        batch: int | None = None,
    ) -> Any:
        """One sample for each seed: uint8 (n, height, width, channels), or a list of str. See ``outputs``."""
        made = self.outputs(
            seeds, settings=settings, label=label, prefix=prefix, steps=steps, image=image, inputs=inputs, batch=batch
        )
        return [self.decode(row) for row in made] if self.description["text"] else made

    def outputs(
        self,
        seeds: Sequence[int],
        *,
        settings: Mapping[str, float] | None = None,
        label: int | str | None = None,
        prefix: str | Sequence[int] | None = None,
        steps: int | None = None,
        image: npt.NDArray[np.uint8] | None = None,
        inputs: Mapping[str, Array] | None = None,
        batch: int | None = None,
    ) -> Array:
        """What the network gives for each seed.

        Args:
            seeds: Integers in [0, 2**64).
            settings: Name -> value, such as ``{"truncation": 0.7}``; what is left out has its default.
            label: The class of all samples, by name or number; none: drawn from the seeds.
            prefix: What all texts begin with: text, or tokens.
            steps: The most tokens of a text; none: as many as the network makes.
            image: (n, height, width, channels) uint8, one for each seed, where images are made of images.
            inputs: Inputs of the network to use instead of what would be drawn, one row for each seed.
            batch: Samples in one run; none: as many as the network takes.

        Returns:
            (n, height, width, channels) uint8, or tokens (n, steps) int32.

        Raises:
            ValueError: Something does not fit; the message says what.
        """
        seeds = [int(seed) for seed in seeds]
        if not seeds or min(seeds) < 0 or max(seeds) >= 2**64:
            raise ValueError("seeds are one or more integers in [0, 2**64)")
        if self.description["film"]:
            raise ValueError("this network makes films: give their frames to film(), or as --image FRAMES.npy")
        given = dict(inputs or {})
        if image is not None:
            given[self._named("image", "image")] = image
        if label is not None:
            name = self._named("category", "label")
            given[name] = np.full(len(seeds), self._class(label), np.int64)
        if prefix is not None or steps is not None:
            given["prefix"] = np.tile(self._prefix(prefix or [], steps), (len(seeds), 1))
        for name, value in (settings or {}).items():
            given[name] = np.full(len(seeds), self._setting(name, value), np.float32)
        if unknown := set(given) - {one["name"] for one in self.description["inputs"]}:
            raise ValueError(f"there is no input {min(unknown)!r}")
        limits = self.description["axes"].get("batch", {"min": 1, "max": 1})
        size = min(batch or limits["max"], limits["max"])
        parts = []
        for start in range(0, len(seeds), size):
            count = min(size, len(seeds) - start)
            # A network that takes no fewer samples makes the last of them several times.
            places = [min(start + place, start + count - 1) for place in range(max(count, limits["min"]))]
            parts.append(self._run(self._inputs(seeds, places, given), [self.description["output"]["name"]])[0][:count])
        return np.concatenate(parts)

    def film(self, frames: Iterable[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.uint8]]:
        """Frames of a film, as they come, one after another; memory does not grow with their number.

        Args:
            frames: (height, width, channels) uint8, all of one size. Call again for another film, or after a cut.

        Yields:
            The image of each frame, (height, width, channels) uint8, maybe larger. Of a network ``between`` frames the
            one halfway from each frame to the next, which is one fewer; across a cut repeat the frame instead.
        """
        between = self.description["film"] == "between"
        state: dict[str, Array] = {}
        before: Array | None = None
        for frame in frames:
            given = frame if not between else None if before is None else np.concatenate([before, frame], axis=-1)
            before = frame
            if given is not None:
                made, state = self._frame(given, state)
                yield made

    def _frame(self, frame: Array, state: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        """One frame, and the state that the next one starts from. It is padded to a size that the network takes."""
        sizes = {"batch": 1}
        for name, size in zip(("height", "width"), frame.shape[:2], strict=True):
            limits = self.description["axes"].get(name, {"min": size, "max": size, "step": 1})
            sizes[name] = -(-max(limits["min"], size) // limits["step"]) * limits["step"]
            if sizes[name] > limits["max"]:
                raise ValueError(f"this network takes a {name} of at most {limits['max']} pixels, not {size}")
        rows, columns = sizes["height"] - frame.shape[0], sizes["width"] - frame.shape[1]
        inputs = {self._named("image", "image"): np.pad(frame, ((0, rows), (0, columns), (0, 0)), mode="edge")[None]}
        carried = [one for one in self.description["inputs"] if one["source"] == "state"]
        for one in carried:  # there is nothing before the first frame
            shape = [sizes[size] if isinstance(size, str) else size for size in one["shape"]]
            inputs[one["name"]] = state[one["name"]] if state else np.zeros(shape, one["dtype"])
        names = [self.description["output"]["name"], *(one["output"] for one in carried)]
        made, *rest = self._run({**self._inputs([0], [0], inputs), **inputs}, names)
        scale = self.description["image"]["scale"] or 1
        whole: Array = made[0, : scale * frame.shape[0], : scale * frame.shape[1]]
        return whole, {one["name"]: value for one, value in zip(carried, rest, strict=True)}

    def decode(self, tokens: Array) -> str:
        """The text of a row of tokens, up to its end."""
        text = self.description["text"]
        row = [int(token) for token in tokens]
        row = row[: row.index(text["end"])] if text["end"] in row else row
        pieces = [text["tokens"][token] for token in row]
        if text["join"] == "spaces":
            return " ".join(pieces)
        if text["join"] == "bytes":
            letters = _bytes_of_letters()
            return bytes(letters[letter] for letter in "".join(pieces)).decode("utf-8", "replace")
        return "".join(pieces)

    def _inputs(self, seeds: Sequence[int], places: Sequence[int], given: Mapping[str, Array]) -> dict[str, Array]:
        """What the network is given for the seeds at some places."""
        part = [seeds[place] for place in places]
        steps = given["prefix"].shape[1] if "prefix" in given else self.description["axes"].get("steps", {}).get("max")
        made: dict[str, Array] = {}
        for one in self.description["inputs"]:
            name, source = one["name"], one["source"]
            if name in given:
                rows = given[name]
                if one["rows"] and len(rows) != len(seeds):
                    raise ValueError(f"input {name!r} has {len(rows)} rows for {len(seeds)} seeds")
                made[name] = rows[np.array(places)] if one["rows"] else rows
                continue
            if source == "image":
                raise ValueError("this network makes images of images: give image=")
            whole = [steps if size == "steps" else size for size in one["shape"]]
            shape = tuple(int(size) for size in (whole[1:] if one["rows"] else whole))
            if source == "normal":
                drawn: Array = normals(part, one["stream"], shape)
            elif source == "uniform":
                drawn = uniforms(part, one["stream"], shape)
            elif source == "category":
                drawn = categories(part, one["stream"], shape, one["categories"])
            else:
                drawn = np.full((len(part), *shape), one["value"])
            made[name] = (drawn if one["rows"] else drawn[0]).astype(one["dtype"])
        return made

    def _named(self, source: str, what: str) -> str:
        for one in self.description["inputs"]:
            if one["source"] == source:
                return str(one["name"])
        raise ValueError(f"this network takes no {what}")

    def _setting(self, name: str, value: float) -> float:
        known = {one["name"]: one for one in self.description["inputs"] if one["source"] == "setting"}
        if name not in known:
            raise ValueError(f"no setting is called {name!r}; known: {', '.join(known) or 'none'}")
        if not known[name]["low"] <= value <= known[name]["high"]:
            raise ValueError(f"setting {name!r} lies between {known[name]['low']:g} and {known[name]['high']:g}")
        return value

    def _class(self, label: int | str) -> int:
        names = self.description["classes"]
        count = next(one["categories"] for one in self.description["inputs"] if one["source"] == "category")
        if isinstance(label, str) and label in names:
            return int(names.index(label))
        if not str(label).isdecimal() or not 0 <= int(label) < count:
            raise ValueError(f"no class is called {label!r}; known: {', '.join(names) or f'0 to {count - 1}'}")
        return int(label)

    def _prefix(self, prefix: str | Sequence[int], steps: int | None) -> npt.NDArray[np.int32]:
        limits = self.description["axes"].get("steps")
        if limits is None:
            raise ValueError("prefix and steps are for texts")
        steps = steps or limits["max"]
        tokens = self.encode(prefix) if isinstance(prefix, str) else list(prefix)
        if not limits["min"] <= steps <= limits["max"] or len(tokens) >= steps:
            raise ValueError(f"a text has {limits['min']} to {limits['max']} tokens, and more than its prefix")
        row = np.full(steps, FREE, np.int32)
        row[: len(tokens)] = tokens
        return row

    def encode(self, text: str) -> list[int]:
        """The tokens of a text. Those made of bytes need the library ``tokenizers``."""
        how = self.description["text"]
        if how["join"] == "bytes":
            import tokenizers

            library = tokenizers.Tokenizer.from_str(json.dumps(how["tokenizer"]))
            library.encode_special_tokens = True
            return [max(number, how["unknown"]) for number in library.encode(text, add_special_tokens=False).ids]
        numbers = {token: number for number, token in enumerate(how["tokens"])}
        pieces = text.split() if how["join"] == "spaces" else list(unicodedata.normalize("NFC", text))
        return [max(numbers.get(piece, how["unknown"]), how["unknown"]) for piece in pieces]


def _onnxruntime(model: Path, description: dict[str, Any], providers: Sequence[str], threads: int | None) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    for key, value in description["onnxruntime"].items():
        if key == "graph_optimization_level":
            level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{str(value).upper()}")
            options.graph_optimization_level = level
        else:
            options.add_session_config_entry(key, str(value))
    for axis, limits in description["axes"].items():
        if limits["min"] == limits["max"]:
            options.add_free_dimension_override_by_name(axis, limits["max"])
    session = onnxruntime.InferenceSession(model, options, providers=list(providers))
    if (found := session.get_providers()[0]) != providers[0]:
        raise RuntimeError(f"asked for {providers[0]}, and ONNX Runtime opened {found}")

    def run(inputs: dict[str, Array], names: Sequence[str]) -> list[Array]:
        made: list[Array] = session.run(list(names), inputs)
        return made

    return run


def _bytes_of_letters() -> dict[str, int]:
    """The byte that each letter of a byte-level vocabulary stands for: itself if printable."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """One image (height, width, channels) uint8, of one channel or three, as a PNG file."""
    height, width, channels = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def save(samples: Any, seeds: Sequence[int], out: Path) -> None:
    """Images as ``out/SEED.png``, or texts one a line."""
    if isinstance(samples, list):
        out.write_text("".join(f"{text}\n" for text in samples), encoding="utf-8")
        return
    out.mkdir(parents=True, exist_ok=True)
    for seed, image in zip(seeds, samples, strict=True):
        (out / f"{seed}.png").write_bytes(png(image))


def arguments(purpose: str) -> argparse.ArgumentParser:
    """What a command that samples takes."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("seeds", nargs="*", type=int, default=[0], help="one sample for each")
    parser.add_argument("--out", type=Path, help="a folder for images, a file for texts")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="such as temperature=0.7")
    parser.add_argument("--label", help="a class, by name or number")
    parser.add_argument("--prefix", help="what texts begin with")
    parser.add_argument("--image", type=Path, help="a .npy, uint8 (n, height, width, channels), or a picture (Pillow)")
    return parser


def answer(generator: Generator, given: argparse.Namespace) -> None:
    """Do what a command that samples was asked for; what does not fit is one sentence, and exit code 1."""
    try:
        _answer(generator, given)
    except (ValueError, OSError) as err:
        sys.exit(f"error: {err}")


def _answer(generator: Generator, given: argparse.Namespace) -> None:
    settings = {name: float(value) for name, _, value in (one.partition("=") for one in given.set)}
    seeds, image = given.seeds, None
    if given.image:
        image = _read_image(given.image, generator.description["image"]["channels"])
        seeds = seeds if len(seeds) == len(image) else list(range(len(image)))
    if image is not None and generator.description["film"]:
        samples: Any = np.stack(list(generator.film(image)))
        seeds = list(range(len(samples)))
    else:
        samples = generator.sample(seeds, settings=settings, label=given.label, prefix=given.prefix, image=image)
    if isinstance(samples, list) and not given.out:
        print("\n".join(samples))
        return
    save(samples, seeds, given.out or Path("samples"))
    print(f"{given.out or 'samples'}: {len(samples)}", file=sys.stderr)


def _read_image(path: Path, channels: int) -> npt.NDArray[np.uint8]:
    if path.suffix == ".npy":
        array: npt.NDArray[np.uint8] = np.load(path, allow_pickle=False)
        return array
    from PIL import Image

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"), np.uint8)
    return pixels.reshape(1, *pixels.shape[:2], channels)


if __name__ == "__main__":
    answer(Generator(), arguments(__doc__.splitlines()[0]).parse_args())
