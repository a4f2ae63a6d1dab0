"""Train the feature extractor ``digits-cnn`` and write it, with its card, into the package: a minute on two cores.

    python benchmarks/train_digits_extractor.py [--out FOLDER]

Data: scikit-learn's ``load_digits`` (1,797 handwritten digits of 13 writers, 8x8), enlarged as ``builtin:digits``
enlarges them. The images come writer after writer; the last 360 are held out, so accuracy is that on writers hardly or
never seen. Training images are moved, turned, sheared, scaled, blurred and noised a little, so that features change
smoothly with the image. Same machine, same libraries, same file: every random stream has a fixed seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from gantools.core.atomic import write_atomic
from gantools.data import builtin
from gantools.data.decode import decode
from gantools.metrics.features import FOLDER

SEED = 0
HELD_OUT = 360
EPOCHS = 60
BATCH = 128
FEATURES = 64


class DigitsCNN(nn.Module):
    """Four convolutions, a global average, a linear classifier.

    Input: (batch, 32, 32, 1) uint8, NHWC, 0..255. Outputs: features (batch, 64) float32, the pooled activations, >= 0;
    probabilities (batch, 10) float32.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, stride in ((1, 16, 1), (16, 32, 2), (32, 64, 2), (64, FEATURES, 1)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.classifier = nn.Linear(FEATURES, 10)

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 1, 32, 32) float32 in [-1, 1] -> (batch, 64)."""
        return torch.mean(self.body(x), (2, 3))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The graph that is shipped."""
        features = self.pooled(image.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0)
        return features, torch.softmax(self.classifier(features), 1)


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images (1797, 32, 32, 1) uint8, as ``builtin:digits`` gives them, and labels (1797,) int64."""
    images = np.stack([decode(entry.read(), resolution=32, channels=1) for entry in builtin.digits()])
    return torch.from_numpy(images), torch.from_numpy(load_digits().target).long()


def augment(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """A random affine map, blur and noise for each image. (batch, 1, 32, 32) in [-1, 1] -> the same."""
    count = len(x)

    def between(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=rng) * (high - low) + low

    turn, scale, shear = between(-0.2, 0.2), between(0.85, 1.18), between(-0.15, 0.15)
    cos, sin = turn.cos() * scale, turn.sin() * scale
    rows = (torch.stack((cos, -sin + shear, between(-0.12, 0.12)), 1), torch.stack((sin, cos, between(-0.12, 0.12)), 1))
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    x = F.grid_sample(x + 1.0, grid, align_corners=False) - 1.0
    mix = between(0.0, 1.0).view(-1, 1, 1, 1)
    x = x + mix * (F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) - x)
    noise = torch.randn(x.shape, generator=rng) * between(0.0, 0.15).view(-1, 1, 1, 1)
    return (x + noise).clamp(-1.0, 1.0)


def train(images: torch.Tensor, labels: torch.Tensor) -> DigitsCNN:
    """Adam with a one-cycle schedule and label smoothing."""
    torch.manual_seed(SEED)
    rng = torch.Generator().manual_seed(SEED)
    model = DigitsCNN()
    x_all = images.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    steps = EPOCHS * (len(images) // BATCH)
    adam = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=6e-3, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), generator=rng)
        for chosen in order[: len(images) // BATCH * BATCH].view(-1, BATCH):
            features = model.pooled(augment(x_all[chosen], rng))
            loss = F.cross_entropy(model.classifier(features), labels[chosen], label_smoothing=0.1)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            schedule.step()
    return model.eval()


def exported(model: DigitsCNN, example: torch.Tensor) -> bytes:
    """The ONNX file: dynamic batch, weights inside, nothing of the machine that made it."""
    program = torch.onnx.export(
        model,
        (example,),
        input_names=["image"],
        output_names=["features", "probabilities"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65536)},),
        opset_version=20,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    for part in (proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        part.ClearField("metadata_props")  # stack traces with the paths of this machine
        part.ClearField("doc_string")
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def main() -> None:
    """Train, measure, export, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out: Path = parser.parse_args().out
    torch.set_num_threads(2)
    started = time.perf_counter()
    images, labels = digits()
    model = train(images[:-HELD_OUT], labels[:-HELD_OUT])
    with torch.inference_mode():
        right = model(images)[1].argmax(1) == labels
    seconds = time.perf_counter() - started

    content = exported(model, images[:2])
    card = {
        "name": "digits-cnn",
        "sha256": hashlib.sha256(content).hexdigest(),
        "height": 32,
        "width": 32,
        "channels": 1,
        "features": FEATURES,
        "classes": 10,
        "preparation": "luma by ITU-R BT.601, Pillow bicubic with antialiasing to 32x32, rounded to uint8",
        "held_out_accuracy": round(right[-HELD_OUT:].float().mean().item(), 4),
        "training": {
            "script": Path(__file__).name,
            "data": "scikit-learn load_digits, 8x8 enlarged to 32x32",
            "trained_on": f"images 0-{len(images) - HELD_OUT - 1}",
            "held_out": f"images {len(images) - HELD_OUT}-{len(images) - 1}, by hardly any writer it was trained on",
            "epochs": EPOCHS,
            "seed": SEED,
            "torch": torch.__version__,
        },
    }
    write_atomic(out / "digits-cnn.onnx", content)
    write_atomic(out / "digits-cnn.json", (json.dumps(card, indent=2) + "\n").encode())
    print(
        f"trained in {seconds:.0f} s, {len(content)} bytes, training accuracy {right[:-HELD_OUT].float().mean():.4f}, "
        f"held-out accuracy {card['held_out_accuracy']}"
    )


if __name__ == "__main__":
    main()
