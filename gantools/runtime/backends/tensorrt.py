"""TensorRT 10 and 11 on data centre GPUs and Jetson. See ``nvidia_engine``.

Not exercised by the tests of this repository: the library is not on the public index. It shares all its code with
TensorRT-RTX.
"""

from gantools.runtime.backends.nvidia_engine import EngineBackend

backend = EngineBackend("tensorrt", "tensorrt")
