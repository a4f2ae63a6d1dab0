"""ONNX files that nobody here made, taken in: read what they are, give them the usual interface, prove it."""
