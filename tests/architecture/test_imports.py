"""What importing costs, in processes of their own."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import gantools

HEAVY = {
    "torch",
    "onnx",
    "onnx_ir",
    "onnxruntime",
    "openvino",
    "tensorrt",
    "tensorrt_rtx",
    "matplotlib",
    "sklearn",
    "PIL",
    "av",
    "tokenizers",
    "ray",
}
FREE_OF_HEAVY = [
    "core",
    "runtime",
    "samplers",
    "media",
    "models",
    "losses",
    "data",
    "metrics",
    "optimize",
    "bundle",
    "serve",
    "scale",
    "cli",
]
LEARNING = ("models", "losses", "data", "train", "export")


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that are loaded after a statement in a fresh interpreter."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_gantools_loads_no_numerical_library() -> None:
    assert not loaded_by("import gantools") & (HEAVY | {"numpy", "pydantic", "typer"})


@pytest.mark.parametrize("room", FREE_OF_HEAVY)
def test_importing_a_room_loads_no_heavy_library(room: str) -> None:
    assert not loaded_by(f"import gantools.{room}") & HEAVY


def test_sampling_needs_no_torch_and_no_onnx() -> None:
    loaded = loaded_by("import gantools; gantools.open_artifact; import gantools.runtime.backends.onnxruntime")
    assert "numpy" in loaded
    assert not loaded & HEAVY


def test_every_module_outside_the_learning_half_imports_without_torch() -> None:
    """torch is made impossible to import, then everything that must not need it is imported."""
    names = [
        module.name
        for module in pkgutil.walk_packages(gantools.__path__, "gantools.")
        if module.name.split(".")[1] not in LEARNING
    ]
    assert len(names) >= 50
    imports = "\n".join(f"import {name}" for name in names)
    script = f"import sys\nsys.modules['torch'] = None\n{imports}\nprint('all')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "all\n", done.stderr


def test_help_is_free_of_numerical_libraries() -> None:
    script = (
        "import sys\nsys.argv = ['gantools', '--help']\nfrom gantools.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({m.partition('.')[0] for m in sys.modules} & "
        + repr(HEAVY | {"numpy", "pydantic"})
        + ", file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "quickstart" in done.stdout
    assert done.stderr == "set()\n"


def test_the_package_is_typed_and_its_extractors_ship() -> None:
    root = Path(gantools.__file__).parent
    assert (root / "py.typed").exists()
    assert list((root / "metrics/extractors").glob("*.onnx"))
