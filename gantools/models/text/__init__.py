"""Generators of text: networks that predict a token from those before it, and graphs that hold the whole loop."""
