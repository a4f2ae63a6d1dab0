"""``gantools doctor``."""

from __future__ import annotations

from gantools.cli.options import Json
from gantools.cli.output import emit_json, say, show_pairs, show_table


def command(json: Json = False) -> None:
    """Say what this machine can run.

    Lists hardware, libraries and backends, and what to install for those that are missing.
    """
    import gantools
    from gantools.core.errors import MissingDependencyError
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
