import json
import subprocess
import sys
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
from gantools.samplers.image_to_image import ImageToImage
from tests.bundle.conftest import SORTS
from tests.bundle.films import MODELS_OF
from tests.bundle.pages import run_page

# Everything that a bundle must do without cannot be imported.
ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"gantools", "torch", "onnx", "tokenizers", "pydantic", "PIL", "scipy"}:
            raise ImportError(f"a bundle imports {name}")

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv.pop(1))
"""
EVERYTHING = """
import json, pickle
import numpy as np
from generator import Generator
generator = Generator()
calls = json.loads(sys.argv[1])
made = []
for call in calls:
    if "image" in call:
        call["image"] = np.load(call["image"])
    made.append(generator.sample(**call))
sys.stdout.buffer.write(pickle.dumps(made))
"""


@pytest.fixture(scope="module")
def bundles(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("python")
    for sort, path in artifacts.items():
        bundle(path, "python", folder / sort)
    return {sort: folder / sort for sort in artifacts}


def alone(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-I", "-c", ALONE + script, str(folder), *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, check=False)


def sampled(folder: Path, calls: list[dict[str, Any]]) -> list[Any]:
    import pickle

    done = alone(folder, EVERYTHING, json.dumps(calls))
    assert done.returncode == 0, done.stderr.decode()
    return list(pickle.loads(done.stdout))


def test_images_are_those_of_the_artifact_bit_for_bit(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    seeds = [5, 2**64 - 1, 0, 7, 8, 9, 10, 11, 12, 13, 14]  # more than one run of the graph
    with open_artifact(artifacts["images"]) as generator:
        expected = generator.sample(seeds)
    (found, few) = sampled(bundles["images"], [{"seeds": seeds}, {"seeds": seeds, "batch": 3}])
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)
    assert np.array_equal(few, expected)


def test_classes_and_settings_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    choices: list[dict[str, Any]] = [
        {},
        {"label": "10"},  # a name before it is a number
        {"label": 1, "settings": {"truncation": 0.5}},
    ]
    with open_artifact(artifacts["classes"]) as generator:
        expected = [generator.sample(range(9), **choice) for choice in choices]
    found = sampled(bundles["classes"], [{"seeds": [*range(9)], **choice} for choice in choices])
    assert len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)


def test_texts_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    choices: list[dict[str, Any]] = [
        {},
        {"settings": {"temperature": 0.6}, "label": 2},
        {"prefix": "w5 w7 nothing", "steps": 6},
    ]
    with open_artifact(artifacts["texts"]) as generator:
        expected = [generator.sample(range(70), **choice) for choice in choices]
    found = sampled(bundles["texts"], [{"seeds": [*range(70)], **choice} for choice in choices])
    assert found == expected
    assert len({*found[0]}) > 20


def test_images_of_images_are_those_of_the_artifact(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    images = np.load(artifacts["enlarger"] / "examples.npy")
    with open_artifact(artifacts["enlarger"]) as generator:
        expected = generator.sample([0, 0], inputs={"frame": images})
    (found,) = sampled(bundles["enlarger"], [{"seeds": [0, 0], "image": "golden/image.npy"}])
    assert found.shape == (2, 48, 40, 3)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("how", MODELS_OF)
def test_films_are_those_of_the_artifact(films: dict[str, Path], tmp_path: Path, how: str) -> None:
    folder, size = tmp_path / "app", (36, 50)  # of which one network takes multiples of 8 only
    bundle(films[how], "python", folder)
    wide = np.random.default_rng(0).integers(0, 256, (size[0], size[1] + 4, 3), np.uint8)
    frames = np.stack([wide[:, step : step + size[1]] for step in range(4)])
    np.save(tmp_path / "frames.npy", frames)
    with open_artifact(films[how]) as opened:
        net = ImageToImage(opened)
        given = frames if how == "in turn" else np.concatenate([frames[:-1], frames[1:]], axis=-1)
        expected = net.run(given)
        net.state = {}
        alone_ = np.concatenate([net.run(given[:1]), net.run(given[-1:])])[1]
    script = """
import numpy as np
from generator import Generator
frames = np.load(sys.argv[1])
generator = Generator()
made = generator.film(frame for frame in frames)
first = next(made)
np.save(sys.argv[2], np.stack([first, *made, *generator.film(frames[:2])]))
"""
    done = alone(folder, script, str(tmp_path / "frames.npy"), str(tmp_path / "made.npy"))
    assert done.returncode == 0, done.stderr.decode()
    made = np.load(tmp_path / "made.npy")
    assert len(expected) == (4 if how == "in turn" else 3)
    np.testing.assert_array_equal(made[: len(expected)], expected)
    np.testing.assert_array_equal(made[len(expected)], expected[0])  # another film starts anew
    assert np.abs(expected[-1].astype(int) - frames[-1].repeat(net.scale, 0).repeat(net.scale, 1)).max() > 1
    if how == "in turn":
        assert np.abs(alone_.astype(int) - expected[-1]).max() > 1, "what came before matters"
    runner = ALONE + "import runpy; path = sys.argv[1]; del sys.argv[0]; runpy.run_path(path, run_name='__main__')"
    told = run_page(folder, {"python": [sys.executable, "-I", "-c", runner, str(folder)]})
    assert told[0] == "equal to the golden samples\n"
    assert len(list((folder / "samples").glob("*.png"))) == (3 if how == "in turn" else 1)
    done = alone(folder, EVERYTHING, json.dumps([{"seeds": [0]}]))
    assert "this network makes films: give their frames to film()" in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("sort", SORTS)
def test_the_commands_of_the_readme_run_without_gantools(bundles: dict[str, Path], sort: str) -> None:
    runner = ALONE + "import runpy; path = sys.argv[1]; del sys.argv[0]; runpy.run_path(path, run_name='__main__')"
    told = run_page(bundles[sort], {"python": [sys.executable, "-I", "-c", runner, str(bundles[sort])]})
    assert len(told) == 2
    assert told[0] == "equal to the golden samples\n"
    if sort == "texts":
        assert len(told[1].splitlines()) == 3
    else:
        from PIL import Image

        pictures = sorted((bundles[sort] / "samples").glob("*.png"))
        assert len(pictures) == (2 if sort == "enlarger" else 3)
        with Image.open(pictures[0]) as picture:
            assert picture.size == {"images": (16, 16), "classes": (4, 4), "enlarger": (40, 48)}[sort]


def test_a_png_of_a_bundle_has_the_pixels_that_were_made(bundles: dict[str, Path]) -> None:
    from PIL import Image

    (images,) = sampled(bundles["images"], [{"seeds": [7]}])
    done = alone(bundles["images"], "import generator as g; g.save(g.Generator().sample([7]), [7], g.HERE / 'one')")
    assert done.returncode == 0, done.stderr
    with Image.open(bundles["images"] / "one" / "7.png") as picture:
        assert np.array_equal(np.asarray(picture), images[0])


@pytest.mark.parametrize(("sort", "file"), [("images", "samples.npy"), ("texts", "samples.npy")])
def test_the_check_fails_where_a_sample_differs(bundles: dict[str, Path], tmp_path: Path, sort: str, file: str) -> None:
    import shutil

    folder = shutil.copytree(bundles[sort], tmp_path / "changed")
    samples = np.load(folder / "golden" / file)
    samples[0, 0] = samples[0, 0] ^ 64
    np.save(folder / "golden" / file, samples)
    done = alone(folder, "import runpy; runpy.run_path('check.py', run_name='__main__')")
    assert done.returncode == 1
    assert b"differs: " in done.stderr


def test_the_check_fails_where_noise_differs(bundles: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(bundles["images"], tmp_path / "changed")
    vectors = json.loads((folder / "golden" / "noise.json").read_text())
    vectors[3]["normals"][2] ^= 1  # the last bit of one number
    (folder / "golden" / "noise.json").write_text(json.dumps(vectors))
    done = alone(folder, "import runpy; runpy.run_path('check.py', run_name='__main__')")
    assert done.returncode == 1
    assert b"differs: normals of seed 1, stream 0" in done.stderr


@pytest.mark.parametrize(
    ("sort", "call", "message"),
    [
        ("images", {"seeds": []}, "seeds are one or more integers"),
        ("images", {"seeds": [2**64]}, "seeds are one or more integers"),
        ("images", {"seeds": [0], "label": 1}, "this network takes no label"),
        ("images", {"seeds": [0], "prefix": "a"}, "prefix and steps are for texts"),
        ("classes", {"seeds": [0], "label": "shoe"}, "no class is called 'shoe'; known: boot, 10, 2"),
        ("classes", {"seeds": [0], "settings": {"truncation": 9}}, "lies between 0 and 1.5"),
        ("classes", {"seeds": [0], "settings": {"size": 9}}, "no setting is called 'size'; known: truncation"),
        ("enlarger", {"seeds": [0]}, "this network makes images of images: give image="),
        ("enlarger", {"seeds": [0], "image": "golden/image.npy"}, "input 'frame' has 2 rows for 1 seeds"),
        ("texts", {"seeds": [0], "steps": 99}, "a text has 1 to 9 tokens"),
        ("texts", {"seeds": [0], "inputs": {"noise": []}}, "there is no input 'noise'"),
    ],
)
def test_what_does_not_fit_is_said(bundles: dict[str, Path], sort: str, call: dict[str, Any], message: str) -> None:
    done = alone(bundles[sort], EVERYTHING, json.dumps([call]))
    assert done.returncode == 1
    assert message in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("kind", ["word", "bpe", "char"])
def test_tokens_become_the_text_that_the_library_makes_of_them(
    bundles: dict[str, Path], tmp_path: Path, kind: Kind
) -> None:
    lines = ["naïve café — 'twas brillig", "slithy toves 日本語 😀", "[END] of the file"] * 3
    made = train_tokenizer(lines, kind, 300)
    tokenizer = Tokenizer(made)
    text = TextOutput(steps=12, vocabulary=tokenizer.size)
    rows = np.random.default_rng(0).integers(0, tokenizer.size, (200, 12))
    rows[:3] = tokenizer.encode(lines[:3], 12)
    description = {"text": text_description(text, made)}
    (tmp_path / "generator.json").write_text(json.dumps(description))
    script = f"""
import json
from pathlib import Path
from generator import Generator
generator = Generator(Path({str(tmp_path)!r}), run=print)
rows = json.loads(sys.argv[1])
print(json.dumps([[generator.decode(row) for row in rows], {"generator.encode(sys.argv[2])" if kind != "bpe" else 0}]))
"""
    done = alone(bundles["texts"], script, json.dumps(rows.tolist()), lines[0])
    assert done.returncode == 0, done.stderr.decode()
    texts, tokens = json.loads(done.stdout)
    assert texts == tokenizer.decode(rows)
    if kind != "bpe":
        assert tokens == tokenizer.prefix(lines[0])


def test_the_command_tells_in_a_sentence_what_does_not_fit(bundles: dict[str, Path], tmp_path: Path) -> None:
    cases = [
        ("images", ["-1"], "error: seeds are one or more integers in"),
        ("images", ["--set", "truncation"], "error: could not convert"),
        ("images", ["--image", str(tmp_path / "none.npy")], "error: "),
        ("texts", ["--set", "temperature=99"], "error: "),
    ]
    for sort, arguments, words in cases:
        line = [sys.executable, "generator.py", *arguments, "--out", str(tmp_path / "out")]
        done = subprocess.run(line, cwd=bundles[sort], capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith(words), done.stderr
        assert not (tmp_path / "out").exists()
    assert len(cases) == 4
