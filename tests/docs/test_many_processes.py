"""The figures of the page on several processes, made anew from the networks."""

import runpy
from pathlib import Path

import gantools
from gantools.core.recipe import load_recipe
from gantools.train import PARTS

ROOT = Path(gantools.__file__).parent.parent
phase_bytes = runpy.run_path(str(ROOT / "benchmarks/processes.py"))["phase_bytes"]
PAGE = ROOT / "examples/05_many_processes/README.md"


def row(path: Path) -> str:
    recipe = load_recipe(path, (), PARTS)
    phases = phase_bytes(recipe)
    cells = [
        f"{name} {size / 1e6:.3g}" + (f" / {every}" if every > 1 else "") for name, (size, every) in phases.items()
    ]
    mean = sum(size / every for size, every in phases.values()) / 1e6
    return f"| `{path.relative_to(ROOT / 'examples')}` | {recipe.train.batch} | {', '.join(cells)} | {mean:.3g} |"


def test_the_gradients_of_every_recipe_that_has_any_are_those_of_the_table() -> None:
    shown = [line for line in PAGE.read_text().splitlines() if line.startswith("| `") and ".toml" in line]
    paths = [ROOT / "examples" / line.split("`")[1] for line in shown]
    assert len(shown) >= 15
    published = set((ROOT / "examples/recipes").glob("*.toml")) - {ROOT / "examples/recipes/nmg-32.toml"}
    assert published <= set(paths), "every recipe of the literature has a row, but for the one that descends nothing"
    assert shown == [row(path) for path in paths]
