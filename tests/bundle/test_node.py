import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools import open_artifact
from gantools.bundle import bundle
from gantools.bundle.source import text_description
from gantools.core.artifact import TextOutput
from gantools.data.tokenizers import Kind, train_tokenizer
from gantools.runtime.tokens import Tokenizer
from tests.bundle.conftest import SORTS
from tests.bundle.pages import run_page
from tests.bundle.programs import node_modules, run

EVERYTHING = """
import { readFile } from "node:fs/promises";
import { open } from "./generator.js";
import { readNpy } from "./compare.js";
const generator = await open();
const made = [];
for (const [seeds, choices] of JSON.parse(process.argv[2])) {
  if (choices.image) choices.image = readNpy(new Uint8Array(await readFile(choices.image)).buffer);
  const samples = await generator.sample(seeds, choices);
  made.push(samples.map((one) => (typeof one === "string" ? one : { ...one, data: Array.from(one.data) })));
}
console.log(JSON.stringify(made));
"""
CONSUMER = """
import {{ open, type Picture }} from "./generator.js";
const generator = await open();
const samples: {0}[] = await generator.sample([1n, "2", 3], {{ settings: {{ truncation: 1 }}, label: "boot" }});
// @ts-expect-error seeds are a list
generator.sample(3);
console.log(samples.length);
"""


@pytest.fixture(scope="module")
def bundles(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    packages = node_modules("onnxruntime-node")
    folder = tmp_path_factory.mktemp("node")
    for sort, path in artifacts.items():
        bundle(path, "node", folder / sort)
        (folder / sort / "node_modules").symlink_to(packages)
        (folder / sort / "everything.js").write_text(EVERYTHING)
    return {sort: folder / sort for sort in artifacts}


def sampled(folder: Path, calls: list[tuple[list[Any], dict[str, Any]]]) -> list[Any]:
    done = run(["node", "everything.js", json.dumps(calls)], folder)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def as_array(pictures: list[dict[str, Any]]) -> Any:
    return np.array([np.reshape(one["data"], (one["height"], one["width"], one["channels"])) for one in pictures])


def near(found: Any, expected: Any) -> bool:
    """Within one level in 99.9 % of the pixels, which is what bundles promise."""
    return bool(found.shape == expected.shape and (np.abs(found - expected.astype(int)) <= 1).mean() >= 0.999)


def test_images_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    seeds = [5, 2**64 - 1, 2**53 + 1, *range(8)]
    with open_artifact(artifacts["images"]) as generator:
        expected = generator.sample(seeds)
    found = sampled(bundles["images"], [([5, *map(str, seeds[1:])], {}), ([*map(str, seeds)], {"batch": 3})])
    assert [near(as_array(one), expected) for one in found] == [True, True]


def test_classes_and_settings_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    choices: list[dict[str, Any]] = [{}, {"label": "10"}, {"label": 1, "settings": {"truncation": 0.5}}]
    with open_artifact(artifacts["classes"]) as generator:
        expected = [generator.sample(range(20), **choice) for choice in choices]
    found = sampled(bundles["classes"], [([*range(20)], choice) for choice in choices])
    assert [near(as_array(one), other) for one, other in zip(found, expected, strict=True)] == [True] * 3


def test_texts_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    choices: list[dict[str, Any]] = [
        {},
        {"settings": {"temperature": 0.6}, "label": 2},
        {"prefix": "w5 w7 nothing", "steps": 6},
    ]
    with open_artifact(artifacts["texts"]) as generator:
        expected = [generator.sample(range(70), **choice) for choice in choices]
    assert sampled(bundles["texts"], [([*range(70)], choice) for choice in choices]) == expected


def test_images_of_images_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    images = np.load(artifacts["enlarger"] / "examples.npy")
    with open_artifact(artifacts["enlarger"]) as generator:
        expected = generator.sample([0, 0], inputs={"frame": images})
    (found,) = sampled(bundles["enlarger"], [([0, 0], {"image": "golden/image.npy"})])
    assert near(as_array(found), expected)


@pytest.mark.parametrize("sort", SORTS)
def test_the_commands_of_the_readme_run(bundles: dict[str, Path], sort: str) -> None:
    told = run_page(bundles[sort], {})
    assert len(told) == 2
    assert told[0] == "equal to the golden samples\n"
    if sort == "texts":
        assert len(told[1].splitlines()) == 3
        return
    from PIL import Image

    pictures = sorted((bundles[sort] / "samples").glob("*.png"))
    assert len(pictures) == (2 if sort == "enlarger" else 3)
    with Image.open(pictures[0]) as picture:
        assert picture.size == {"images": (16, 16), "classes": (4, 4), "enlarger": (40, 48)}[sort]
        shown = np.asarray(picture).astype(int)
    if sort == "enlarger":
        assert near(shown, np.load(bundles[sort] / "golden" / "samples.npy")[0])


def test_the_types_hold_in_strict_typescript(bundles: dict[str, Path]) -> None:
    packages = node_modules("onnxruntime-node", "typescript", "@types/node")
    compiler = packages / "typescript" / "bin" / "tsc"
    options = "--noEmit --allowJs --checkJs --strict --target es2022 --module nodenext --skipLibCheck --types node"
    for sort, kind in (("classes", "Picture"), ("texts", "string")):
        (bundles[sort] / "consumer.ts").write_text(CONSUMER.format(kind))
        ours = sorted(path.name for path in bundles[sort].glob("*.js") if path.name != "everything.js")
        assert len(ours) == 6
        done = run(["node", compiler, *options.split(), *ours, "consumer.ts"], bundles[sort])
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("changed", ["image", "token", "noise"])
def test_the_check_fails_where_something_differs(bundles: dict[str, Path], tmp_path: Path, changed: str) -> None:
    folder = shutil.copytree(bundles["texts" if changed == "token" else "images"], tmp_path / "changed", symlinks=True)
    if changed == "noise":
        vectors = json.loads((folder / "golden" / "noise.json").read_text())
        vectors[3]["uniforms"][2] ^= 1  # the last bit of one number
        (folder / "golden" / "noise.json").write_text(json.dumps(vectors))
    else:
        samples = np.load(folder / "golden" / "samples.npy")
        samples[0, 0] ^= 64
        np.save(folder / "golden" / "samples.npy", samples)
    done = run(["node", "check.js"], folder)
    assert done.returncode == 1
    assert done.stderr.startswith("differs: ")


@pytest.mark.parametrize(
    ("sort", "seeds", "choices", "message"),
    [
        ("images", [], {}, "give one or more seeds"),
        ("images", [2**60], {}, "seeds are integers in [0, 2**64), above 2**53 as bigint or string"),
        ("images", ["-1"], {}, 'seeds are integers in [0, 2**64), got "-1"'),
        ("images", [str(2**64)], {}, "seeds are integers in [0, 2**64), got 18446744073709551616"),
        ("images", [0], {"label": 1}, "this network takes no label"),
        ("images", [0], {"prefix": "a"}, "prefix and steps are for texts"),
        ("classes", [0], {"label": "shoe"}, "no class is called 'shoe'; known: boot, 10, 2"),
        ("classes", [0], {"settings": {"truncation": 9}}, "setting 'truncation' lies between 0 and 1.5"),
        ("classes", [0], {"settings": {"size": 9}}, "no setting is called 'size'; known: truncation"),
        ("enlarger", [0], {}, "this network makes images of images: give an image"),
        ("enlarger", [0], {"image": "golden/image.npy"}, "input 'frame' has 2 rows for 1 seeds"),
        ("texts", [0], {"steps": 99}, "a text has 1 to 9 tokens"),
        ("texts", [0], {"inputs": {"noise": {}}}, "there is no input 'noise'"),
    ],
)
def test_what_does_not_fit_is_said(
    bundles: dict[str, Path], sort: str, seeds: list[Any], choices: dict[str, Any], message: str
) -> None:
    done = run(["node", "everything.js", json.dumps([(seeds, choices)])], bundles[sort])
    assert done.returncode == 1
    assert f"RangeError: {message}" in done.stderr


@pytest.mark.parametrize("kind", ["word", "bpe", "char"])
def test_tokens_become_the_text_that_the_library_makes_of_them(bundles: dict[str, Path], kind: Kind) -> None:
    lines = ["naïve café — 'twas brillig", "slithy toves 日本語 😀", "[END] of the file"] * 3
    made = train_tokenizer(lines, kind, 300)
    tokenizer = Tokenizer(made)
    rows = np.random.default_rng(0).integers(0, tokenizer.size, (200, 12))
    rows[:3] = tokenizer.encode(lines[:3], 12)
    script = """
    import { Generator } from "./sampler.js";
    const [text, rows, line] = JSON.parse(process.argv[2]);
    const generator = new Generator({ text }, null, null);
    const tokens = text.join === "bytes" ? null : generator.encode(line);
    console.log(JSON.stringify([rows.map((row) => generator.decode(row)), tokens]));
    """
    (bundles["texts"] / "decode.js").write_text(script)
    text = text_description(TextOutput(steps=12, vocabulary=tokenizer.size), made)
    done = run(["node", "decode.js", json.dumps([text, rows.tolist(), lines[0]])], bundles["texts"])
    (bundles["texts"] / "decode.js").unlink()
    assert done.returncode == 0, done.stderr
    texts, tokens = json.loads(done.stdout)
    assert texts == tokenizer.decode(rows)
    if kind != "bpe":
        assert tokens == tokenizer.prefix(lines[0])


def test_a_walk_is_that_of_gantools(bundles: dict[str, Path]) -> None:
    from gantools.runtime.philox import normals
    from gantools.samplers.interpolation import slerp

    script = """
    import { normals } from "./noise.js";
    import { slerp } from "./sampler.js";
    const shares = [0, 0.25, 1];
    console.log(JSON.stringify(shares.map((one) => Array.from(slerp(normals(3, 0, 16), normals(9, 0, 16), one)))));
    """
    (bundles["images"] / "walk.js").write_text(script)
    done = run(["node", "walk.js"], bundles["images"])
    start, end = normals([3, 9], 0, (16,))
    assert np.allclose(json.loads(done.stdout), slerp(start, end, np.array([0, 0.25, 1])), atol=1e-6)
