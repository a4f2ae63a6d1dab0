"""Arrays to things people look at, and back."""
