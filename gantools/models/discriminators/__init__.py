"""Networks that tell real images from generated ones, one file each. Any of them can judge any generator of images."""
