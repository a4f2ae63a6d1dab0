"""``gantools doctor``."""

from __future__ import annotations

from gantools.cli.options import Json
from gantools.cli.output import emit_json, show_pairs, show_table


def command(json: Json = False) -> None:
    """Say what this machine can run.

    Lists hardware, libraries and backends, and what to install for those that are missing.
    """
    import gantools
    from gantools.bench.environment import environment
    from gantools.core.errors import MissingDependencyError
    from gantools.runtime.backends import BACKENDS

    devices = {"onnxruntime": ("cpu", "cuda"), "openvino": ("cpu",), "torch": ("cpu", "cuda")}
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
    machine = environment()
    if json:
        emit_json({"environment": machine.model_dump(mode="json"), "backends": rows})
        return
    show_pairs(
        "Machine",
        {
            "gantools": gantools.__version__,
            "cpu": f"{machine.cpu}, {machine.cores_physical} cores",
            "instruction sets": ", ".join(machine.isa),
            "memory": f"{machine.memory_bytes / 2**30:.1f} GiB",
            "gpu": "; ".join(machine.gpus) or "none",
            "system": f"{machine.system}, {machine.python}",
            "libraries": ", ".join(f"{name} {version}" for name, version in machine.libraries.items()),
        },
    )
    show_table(
        "Backends",
        ["backend", "device", "runs here", "found", "hint"],
        [
            [str(r["backend"]), str(r["device"]), "yes" if r["ok"] else "no", str(r["reason"]), str(r["hint"] or "")]
            for r in rows
        ],
    )
