"""Run a graph: one checked ``Session`` over interchangeable backends, and the noise that seeds stand for."""
