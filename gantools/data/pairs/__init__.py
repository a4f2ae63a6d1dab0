"""What networks learn from that make images of images: what is given, and what it should become."""
