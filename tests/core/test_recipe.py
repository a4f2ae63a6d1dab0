from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe, dump_recipe, load_recipe, recipe_schema, resolve_recipe
from gantools.core.registry import Table
from gantools.core.spec import Frozen

GOOD = """
[model]
name = "tiny"
[data]
source = "builtin:digits"
[objective]
name = "tiny"
"""


class Config(Frozen):
    width: int = Field(default=8, ge=1)
    resolution: int = 32


class Tiny:
    Config = Config


class WithUsual(Tiny):
    defaults = {"objective": {"name": "tiny", "width": 3}}


TABLES: dict[str, Table[Any]] = {
    kind: Table(kind, {"tiny": "tests.core.test_recipe:Tiny"}) for kind in ("model", "objective")
}


def recipe_file(folder: Path, text: str) -> Path:
    (folder / "recipe.toml").write_text(text)
    return folder / "recipe.toml"


def test_defaults_give_way_to_the_recipe_and_the_recipe_to_set(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, GOOD + "[train]\nsteps = 10\nbatch = 8\n")
    recipe = load_recipe(path, ["train.steps=20", "model.width=4", "name=mine"], TABLES)
    assert (recipe.train.steps, recipe.train.batch, recipe.train.seed) == (20, 8, 0)
    assert recipe.model.options == {"width": 4, "resolution": 32}
    assert recipe.name == "mine"


def test_a_section_without_a_name_is_that_of_the_models_usual_part(tmp_path: Path) -> None:
    table: Table[Any] = Table("model", {"tiny": "tests.core.test_recipe:WithUsual"})
    path = recipe_file(tmp_path, '[model]\nname = "tiny"\n[data]\nsource = "builtin:digits"\n')
    found = [
        load_recipe(path, overrides, TABLES | {"model": table}).objective.options
        for overrides in ((), ("objective.resolution=64",), ("objective.name=tiny",))
    ]
    assert found == [
        {"width": 3, "resolution": 32},
        {"width": 3, "resolution": 64},
        {"width": 8, "resolution": 32},  # whoever names a part gets that part's own defaults
    ]


def test_all_mistakes_are_named_at_once_with_the_near_match(tmp_path: Path) -> None:
    text = (
        GOOD.replace('name = "tiny"\n[data]', 'name = "tiny"\nwidht = 3\n[data]')
        + "[train]\nlearning_rte = 1\nsteps = 0\n"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_file(tmp_path, text), (), TABLES)
    lines = caught.value.message.splitlines()
    assert lines[0] == "recipe.toml has 3 problems:"
    assert lines[1:] == [
        "  model.widht: unknown key; did you mean 'width'?",
        "  train.learning_rte: unknown key; did you mean 'learning_rate'?",
        "  train.steps: input should be greater than or equal to 1, got 0",
    ]
    assert caught.value.exit_code == 2


def test_an_unknown_model_is_named_with_the_near_match(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, GOOD.replace('name = "tiny"\n[data]', 'name = "tinny"\n[data]'))
    with pytest.raises(RecipeError, match=r"model\.name: no model is called 'tinny'; did you mean 'tiny'\?"):
        load_recipe(path, (), TABLES)


def test_a_missing_section_is_named() -> None:
    with pytest.raises(RecipeError, match="data: is missing"):
        resolve_recipe({"model": {"name": "tiny"}, "objective": {"name": "tiny"}}, "r.toml", TABLES)


def test_a_missing_file_and_a_file_that_is_not_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="is not TOML"):
        load_recipe(recipe_file(tmp_path, "steps = = 3"))


@pytest.mark.parametrize(("override", "match"), [("steps", "takes section.key=value"), ("name.x=1", "is a value")])
def test_a_broken_override_is_named(tmp_path: Path, override: str, match: str) -> None:
    with pytest.raises(RecipeError, match=match):
        load_recipe(recipe_file(tmp_path, 'name = "a"\n' + GOOD), [override])


def test_a_dumped_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, GOOD), (), TABLES)
    assert Recipe.model_validate_json(dump_recipe(recipe)) == recipe


def test_the_schema_describes_every_section() -> None:
    assert set(recipe_schema()["properties"]) == {
        "name",
        "model",
        "discriminator",
        "data",
        "objective",
        "train",
        "evaluate",
        "safety",
    }


def test_texts_are_cut_into_words_unless_said_otherwise(tmp_path: Path) -> None:
    file = recipe_file(tmp_path, GOOD)
    assert load_recipe(file, (), TABLES).data.tokenizer == "word"
    assert load_recipe(file, ["data.tokenizer=char"], TABLES).data.tokenizer == "char"
    with pytest.raises(RecipeError, match=r"data\.tokenizer: input should be 'word', 'bpe' or 'char', got 'words'"):
        load_recipe(file, ["data.tokenizer=words"], TABLES)
