"""Networks that restore frames, one by one or in turn."""
