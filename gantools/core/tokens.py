"""The tokens that every text model shares. What the others mean is the tokenizer's business."""

END = 0
"""Ends a text, and fills what is behind it."""
BEGIN = 1
"""Stands before the first token; no text holds it."""
UNKNOWN = 2
"""Stands for what the vocabulary has not; no sample holds it."""
FREE = -1
"""In a prefix: the graph chooses."""
