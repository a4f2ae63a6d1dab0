"""What networks that make images of images share."""
