"""Objectives, one file each: which phases a training step has, and the loss of each."""
