#!/usr/bin/env bash
# The GPU suite in one command, on a bare CUDA machine that has PyTorch. Options go to suite.py.
#
#     benchmarks/gpu/run.sh [--device cpu] [--minutes 8] [--out FILE]
#
# Wheels of what is missing lie in benchmarks/gpu/wheels (or in WHEELS): pydantic, pydantic-core, onnxruntime-gpu,
# tensorrt-rtx-cu13-libs, tensorrt-rtx-cu13-bindings, for the Python that runs this. They are unpacked once, beside
# nothing that is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON="${PYTHON:-python3}"
WHEELS="${WHEELS:-benchmarks/gpu/wheels}"
SITE="${SITE:-${TMPDIR:-/tmp}/gantools-gpu-site}"
if compgen -G "$WHEELS/*.whl" > /dev/null && [ ! -e "$SITE/.complete" ]; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$SITE" "$WHEELS"/*.whl
    touch "$SITE/.complete"
fi
if [ -d "$SITE" ] && [ ! -e "$SITE/nvidia" ]; then
    # ONNX Runtime looks for the CUDA libraries beside itself; PyTorch has brought them.
    found="$("$PYTHON" -c 'import importlib.util as u; s = u.find_spec("nvidia"); print(list(s.submodule_search_locations)[0] if s else "")')"
    [ -z "$found" ] || ln -s "$found" "$SITE/nvidia"
fi
export PYTHONPATH="$SITE:$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" benchmarks/gpu/suite.py "$@"
