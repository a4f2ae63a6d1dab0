"""``gantools doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.doctor_jetson import examine
from gantools.cli.options import Json
from gantools.cli.output import emit_json, say, show_pairs, show_table


def command(
    artifact: Annotated[
        Path | None, typer.Argument(metavar="[ART]", help="With --target: an artifact folder, or a lone .onnx.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="A device that is not here: jetson-orin, jetson-thor, or dla of an Orin.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what this machine can run, or what of an artifact a Jetson would.

    Lists hardware, libraries and backends, and what to install for those that are missing. With --target it reads the
    artifact by documented rules, and says which layers would run where.
    """
    import gantools
    from gantools.core.errors import MissingDependencyError, RecipeError

    if (artifact is None) != (target is None):
        raise RecipeError(
            "an artifact and --target go together.", hint="gantools doctor art/digits --target dla, or gantools doctor"
        )
    if artifact is not None and target is not None:
        examine(artifact, target, as_json=json)
        return
    from gantools.runtime.backends import BACKENDS
    from gantools.timing.environment import Environment, environment

    both, cpu = ("cpu", "cuda"), ("cpu",)
    devices = {"onnxruntime": both, "onnxruntime-openvino": cpu, "openvino": cpu, "torch": both}
    rows = []
    for name in BACKENDS:
        for device in devices.get(name, ("cuda",)):
            try:
                found = BACKENDS.load(name).probe(device)
                rows.append(
                    {"backend": name, "device": device, "ok": found.ok, "reason": found.reason, "hint": found.hint}
                )
            except (MissingDependencyError, ModuleNotFoundError) as err:
                extra = "train" if name == "torch" else name
                hint = f"pip install 'gantools[{extra}]'"
                rows.append({"backend": name, "device": device, "ok": False, "reason": str(err), "hint": hint})
    machine: Environment | None = None
    try:
        machine = environment()
    except MissingDependencyError as err:
        say(f"{err.message} {err.hint}")
    if json:
        emit_json({"environment": machine and machine.model_dump(mode="json"), "backends": rows})
        return
    if machine:
        show_pairs("Machine", {"gantools": gantools.__version__, **machine.summary()})
    show_table(
        "Backends",
        ["backend", "device", "runs here", "found", "hint"],
        [
            [str(r["backend"]), str(r["device"]), "yes" if r["ok"] else "no", str(r["reason"]), str(r["hint"] or "")]
            for r in rows
        ],
    )
