"""The engine that build.sh made: seeds to samples on a Jetson, with NumPy, TensorRT's Python and cuda-python.

python engine.py --check     compares with golden/; exits with 1 where it differs
python engine.py 7 8 9 --out samples
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from check import check, report
from generator import HERE, Array, Generator, Run, answer, arguments

LEVELS = 4  # of 255: engines choose kernels by themselves, which round differently


def on_engine(file: Path = HERE / "generator.engine") -> Run:
    """What runs the network: the engine, with as many samples in one run as it was built for."""
    import tensorrt
    from cuda.bindings import runtime as cuda

    loader = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
    engine = loader.deserialize_cuda_engine(file.read_bytes())
    if engine is None:
        raise RuntimeError(f"TensorRT {tensorrt.__version__} does not open {file}: build it again with ./build.sh")
    context = engine.create_execution_context()
    names = [engine.get_tensor_name(place) for place in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT]
    (output,) = [name for name in names if name not in inputs]
    kind = np.dtype(tensorrt.nptype(engine.get_tensor_dtype(output)))
    most = min(engine.get_tensor_profile_shape(name, 0)[2][0] for name in inputs)

    def call(result: tuple[Any, ...]) -> Any:
        if int(result[0]) != 0:
            raise RuntimeError(f"CUDA refused: {result[0]}")
        return result[1] if len(result) > 1 else None

    stream = call(cuda.cudaStreamCreate())
    held: dict[str, tuple[int, int]] = {}

    def address(name: str, size: int) -> int:
        if held.get(name, (0, 0))[1] < size:
            if name in held:
                call(cuda.cudaFree(held[name][0]))
            held[name] = (int(call(cuda.cudaMalloc(size))), size)
        context.set_tensor_address(name, held[name][0])
        return held[name][0]

    def one(given: dict[str, Array]) -> Array:
        ways = cuda.cudaMemcpyKind
        for name in inputs:
            array = given[name] = np.ascontiguousarray(given[name])
            context.set_input_shape(name, array.shape)
            place = address(name, array.nbytes)
            call(cuda.cudaMemcpyAsync(place, array.ctypes.data, array.nbytes, ways.cudaMemcpyHostToDevice, stream))
        made = np.empty(tuple(context.get_tensor_shape(output)), kind)
        place = address(output, made.nbytes)
        if not context.execute_async_v3(int(stream)):
            raise RuntimeError("the engine did not run")
        call(cuda.cudaMemcpyAsync(made.ctypes.data, place, made.nbytes, ways.cudaMemcpyDeviceToHost, stream))
        call(cuda.cudaStreamSynchronize(stream))
        return made

    def run(given: dict[str, Array], names: Sequence[str]) -> list[Array]:
        if list(names) != [output]:
            raise ValueError(f"the engine makes {output!r}, not {', '.join(names)}")
        count = len(given[inputs[0]])
        parts = [
            one({name: array[start : start + most] for name, array in given.items()}) for start in range(0, count, most)
        ]
        return [np.concatenate(parts)]

    return run


if __name__ == "__main__":
    parser = arguments("Samples of seeds, by the engine of this device.")
    parser.add_argument("--engine", type=Path, default=HERE / "generator.engine")
    parser.add_argument("--check", action="store_true", help="compare with golden/ instead")
    parser.add_argument("--levels", type=int, default=LEVELS, help="that a pixel may be off, of 255")
    given = parser.parse_args()
    generator = Generator(run=on_engine(given.engine))
    if given.check:
        report(check(generator, levels=given.levels))
    else:
        answer(generator, given)
