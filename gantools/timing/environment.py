"""What a figure was measured on, and whether something else was running. No host name, no user name, no paths."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from gantools.core.optional import installed_versions, require
from gantools.core.spec import Frozen

LIBRARIES = (
    "gantools",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-ep-openvino",
    "onnxruntime-ep-nv-tensorrt-rtx",
    "openvino",
    "tensorrt",
    "tensorrt-rtx",
    "torch",
    "lightning-fabric",
    "onnx",
    "onnxscript",
)
ISA = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "amx_fp16",
    "asimd",
    "asimddp",
    "bf16",
    "i8mm",
    "sve",
)
PACKAGE = Path(__file__).parent.parent
_GIB = 2**30
OTHER_LOAD_LIMIT = 0.05
STEAL_LIMIT = 0.01


class Environment(Frozen):
    """The machine and the libraries.

    Attributes:
        cpu: Model name.
        isa: Vector and matrix instruction sets that decide speed, as the kernel names them.
        affinity: Logical CPUs this process may use.
        governor: Frequency governor; None where the kernel does not tell, as in most virtual machines.
        libraries: Name -> version, of those installed.
        gpus: Name, driver and memory, as nvidia-smi prints them.
        git_commit: Of gantools itself when it runs from a checkout, with ``-dirty`` if files were changed.
    """

    cpu: str
    isa: tuple[str, ...]
    cores_physical: int
    cores_logical: int
    affinity: tuple[int, ...]
    governor: str | None
    memory_bytes: int
    system: str
    kernel: str
    python: str
    libraries: dict[str, str]
    gpus: tuple[str, ...]
    git_commit: str | None

    def summary(self) -> dict[str, str]:
        """The same as text for people: label -> value."""
        return {
            "CPU": f"{self.cpu}, {self.cores_physical} cores, {self.cores_logical} logical",
            "Instruction sets": ", ".join(self.isa) or "not told",
            "CPUs allowed": ", ".join(map(str, self.affinity)),
            "Governor": self.governor or "not told",
            "Memory": f"{self.memory_bytes / _GIB:.1f} GiB",
            "GPU": "; ".join(self.gpus) or "none",
            "System": f"{self.system}, kernel {self.kernel}",
            "Python": self.python,
            "Libraries": ", ".join(f"{name} {version}" for name, version in self.libraries.items()),
            "Commit": self.git_commit or "not from a checkout",
        }


class Load(Frozen):
    """What else the machine did while something was measured.

    Attributes:
        elapsed_seconds: How long it was watched.
        load_average: One-minute load average before and after; None on systems without one.
        other_share: Share of all CPU time that other processes used, 0..1.
        steal_share: Share of all CPU time that the hypervisor gave to other machines, 0..1.
        warnings: One sentence for each thing that makes figures doubtful; empty when the machine was quiet.
    """

    elapsed_seconds: float
    load_average: tuple[float, float] | None
    other_share: float
    steal_share: float
    warnings: tuple[str, ...]


def environment() -> Environment:
    """Look at the machine. Imports none of the libraries it names."""
    psutil = _psutil()
    model, isa = _cpu()
    return Environment(
        cpu=model,
        isa=isa,
        cores_physical=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        cores_logical=psutil.cpu_count() or 1,
        affinity=usable_cpus(),
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_bytes=psutil.virtual_memory().total,
        system=_system(),
        kernel=platform.release(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries=installed_versions(LIBRARIES),
        gpus=_gpus(),
        git_commit=_git_commit(),
    )


def usable_cpus() -> tuple[int, ...]:
    """The logical CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def default_threads() -> int:
    """One thread for each physical core this process may use."""
    return max(1, min(_psutil().cpu_count(logical=False) or len(usable_cpus()), len(usable_cpus())))


class LoadWatch:
    """Measures the load that is not this process and its children, from its making to ``stop``."""

    def __init__(self) -> None:
        self._psutil = _psutil()
        self._start = self._read()

    def stop(self) -> Load:
        """What happened since the watch was made."""
        load_before, total_before, busy_before, steal_before, own_before = self._start
        load_after, total_after, busy_after, steal_after, own_after = self._read()
        total = max(total_after - total_before, 1e-9)
        other = max(0.0, busy_after - busy_before - (own_after - own_before)) / total
        steal = max(0.0, steal_after - steal_before) / total
        warnings = []
        if other > OTHER_LOAD_LIMIT:
            warnings.append(f"other processes used {other:.0%} of this machine's CPU time while it was measured.")
        if steal > STEAL_LIMIT:
            warnings.append(f"the hypervisor gave {steal:.0%} of this machine's CPU time to others meanwhile.")
        return Load(
            elapsed_seconds=total / (self._psutil.cpu_count() or 1),
            load_average=(load_before, load_after) if load_before is not None and load_after is not None else None,
            other_share=min(1.0, other),
            steal_share=min(1.0, steal),
            warnings=tuple(warnings),
        )

    def _read(self) -> tuple[float | None, float, float, float, float]:
        """One-minute load, then seconds summed over all CPUs: in all, busy, stolen, used by this process."""
        times = self._psutil.cpu_times()._asdict()
        steal = times.get("steal", 0.0)
        total = sum(value for name, value in times.items() if not name.startswith("guest"))  # guest is within user
        busy = total - times["idle"] - times.get("iowait", 0.0) - steal
        return (os.getloadavg()[0] if hasattr(os, "getloadavg") else None), total, busy, steal, self._own_seconds()

    def _own_seconds(self) -> float:
        process = self._psutil.Process()
        times = process.cpu_times()
        seconds = times.user + times.system + times.children_user + times.children_system
        for child in process.children(recursive=True):
            try:
                times = child.cpu_times()
            except self._psutil.Error:  # it has just ended
                continue
            seconds += times.user + times.system
        return float(seconds)


def _psutil() -> Any:
    return require("psutil", extra="bench", why="to count cores and watch the load")


def _cpu() -> tuple[str, tuple[str, ...]]:
    pairs = (line.partition(":") for line in (_read("/proc/cpuinfo") or "").splitlines())
    lines = {key.strip(): value.strip() for key, _, value in pairs}
    flags = set(lines.get("flags", lines.get("Features", "")).split())
    model = lines.get("model name") or platform.processor() or platform.machine()
    return model, tuple(name for name in ISA if name in flags)


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.version()}"


def _gpus() -> tuple[str, ...]:
    if shutil.which("nvidia-smi") is None:
        return ()
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    return tuple((_output(query) or "").splitlines())


def _git_commit() -> str | None:
    """None unless git knows this very package: an environment inside another project's checkout is not a checkout."""
    git = ["git", "-C", str(PACKAGE)]
    if shutil.which("git") is None or _output([*git, "ls-files", "--error-unmatch", "__init__.py"]) is None:
        return None
    commit = _output([*git, "rev-parse", "--short=12", "HEAD"])
    return f"{commit}-dirty" if commit and _output([*git, "status", "--porcelain", "-uno", "."]) else commit


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
