"""Videos with PyAV: frames with their times, colours, encoders, and files that keep everything else as it was."""
