"""The habits of the house, as tests that fail."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import gantools
from gantools.core.registry import Table

ROOT = Path(gantools.__file__).parent.parent
SOURCES = sorted(
    path for room in ("gantools", "tests", "benchmarks", "examples") for path in (ROOT / room).rglob("*.py")
)
TABLES = [
    ("gantools.runtime.backends", "BACKENDS"),
    ("gantools.samplers", "SAMPLERS"),
    ("gantools.models", "MODELS"),
    ("gantools.models", "DISCRIMINATORS"),
    ("gantools.losses", "OBJECTIVES"),
    ("gantools.metrics", "METRICS"),
    ("gantools.metrics.text", "TEXT_METRICS"),
    ("gantools.metrics.video", "VIDEO_METRICS"),
    ("gantools.optimize.passes", "PASSES"),
    ("gantools.optimize.targets", "TARGETS"),
    ("gantools.bundle", "BUNDLES"),
    ("gantools.bench.ceilings", "PRODUCTS"),
    ("gantools.bench.ceilings", "MOVEMENTS"),
]


def test_no_file_is_longer_than_400_lines() -> None:
    assert len(SOURCES) > 60
    assert [f"{path}: {n}" for path in SOURCES if (n := len(path.read_text().splitlines())) > 400] == []


def test_there_are_no_drawers() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in SOURCES if drawers & {path.stem, *path.parts}] == []


def test_every_module_says_what_it_is() -> None:
    files = [path for path in SOURCES if path.is_relative_to(ROOT / "gantools")]
    assert len(files) > 40
    assert [str(path) for path in files if not ast.get_docstring(ast.parse(path.read_text()))] == []


@pytest.mark.parametrize(("module", "name"), TABLES)
def test_every_table_row_names_something_that_exists(module: str, name: str) -> None:
    table: Table[object] = getattr(importlib.import_module(module), name)
    assert len(table) >= 1
    for row in table:
        assert table.load(row) is not None


def test_the_list_of_tables_here_is_complete() -> None:
    """A table nobody walks is a table nobody tests."""
    found = {
        (".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), target.id)
        for path in SOURCES
        if path.is_relative_to(ROOT / "gantools")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(call := node.value, ast.Call)
        if isinstance(call.func, ast.Name) and call.func.id == "Table"
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    assert set(TABLES) <= found
    for module, name in found:
        assert len(getattr(importlib.import_module(module), name)) >= 1


def test_rooms_import_downwards_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_public_names_are_those_of_all() -> None:
    assert sorted(gantools.__all__) == gantools.__all__
    for name in gantools.__all__:
        assert getattr(gantools, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = gantools.nonsense


def test_every_recipe_of_the_examples_is_valid() -> None:
    from gantools.core.recipe import load_recipe
    from gantools.train import PARTS

    recipes = sorted((ROOT / "examples").glob("*/*.toml"))
    assert len(recipes) >= 9
    for recipe in recipes:
        load_recipe(recipe, (), PARTS)
