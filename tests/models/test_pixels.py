import torch

from gantools.models.image.pixels import Pixels


def test_floats_become_rounded_and_clamped_bytes_channels_last() -> None:
    image = torch.tensor([[-2.0, -1.0, -0.5], [0.0, 1.0, 3.0]]).reshape(1, 2, 1, 3)
    pixels = Pixels(torch.nn.Identity())(image)
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (1, 1, 3, 2)
    # 0 maps to 127.5, which rounds to the even neighbour, as ONNX Round does.
    assert pixels[0, 0].tolist() == [[0, 128], [0, 255], [64, 255]]


def test_every_byte_survives_the_way_to_floats_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    floats = levels.float() / 127.5 - 1
    assert torch.equal(Pixels(torch.nn.Identity())(floats).flatten(), levels.flatten())
