"""StyleGAN2's generator: ``mapping`` makes a style of noise, ``modulation`` applies it, ``generator`` is the whole."""
