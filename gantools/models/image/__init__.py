"""Architectures that make images, one file each."""
