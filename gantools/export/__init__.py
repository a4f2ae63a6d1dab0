"""A checkpoint becomes an artifact (``onnx.py``) or, unexported, a backend to compare with (``eager.py``)."""
