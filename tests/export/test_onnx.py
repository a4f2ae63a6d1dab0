from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from gantools.core.errors import ExportError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.export.onnx import OPSET, check_pure, write_onnx
from gantools.models import MODELS
from gantools.models.model import ExportGraph

SPEC = GraphSpec(
    inputs=(TensorSpec(name="latent", dtype="float32", shape=("batch", 4)),),
    outputs=(TensorSpec(name="image", dtype="float32", shape=("batch", 6)),),
    axes={"batch": AxisRange(min=1, opt=4, max=9)},
)


class Net(nn.Module):
    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), last

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.last(self.first(latent))
        return result


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn_like(x)


def test_a_graph_has_the_interface_of_its_spec_and_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    write_onnx(ExportGraph(Net(nn.Tanh()).eval(), SPEC), SPEC, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == OPSET
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    content = (tmp_path / "m.onnx").read_bytes()
    assert str(Path(__file__).parent).encode() not in content
    assert b"pkg.torch" not in content


def test_exporting_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_onnx(ExportGraph(Net(nn.Tanh()).eval(), SPEC), SPEC, tmp_path / "m.onnx")
    assert capfd.readouterr() == ("", "")


def test_batch_norm_is_exported_with_its_running_statistics(tmp_path: Path) -> None:
    import onnxruntime

    net = Net(nn.BatchNorm1d(6))
    for _ in range(20):
        net(torch.randn(32, 4) * 3)
    net.eval()
    write_onnx(ExportGraph(net, SPEC), SPEC, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    latent = torch.randn(7, 4)
    with torch.inference_mode():
        expected = net(latent).numpy()
    np.testing.assert_allclose(session.run(None, {"latent": latent.numpy()})[0], expected, rtol=1e-5, atol=1e-5)


def test_a_network_in_training_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the network is in training mode"):
        write_onnx(ExportGraph(Net(nn.Dropout()).train(), SPEC), SPEC, tmp_path / "m.onnx")


def test_noise_inside_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a RandomNormalLike: noise must be a graph input"):
        write_onnx(ExportGraph(Net(Noisy()).eval(), SPEC), SPEC, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_output_shape_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"outputs are .*\('batch', 5\).* the spec says .*\('batch', 6\)"):
        write_onnx(ExportGraph(Net(nn.Linear(6, 5)).eval(), SPEC), SPEC, tmp_path / "m.onnx")


def test_a_network_that_cannot_be_traced_is_one_sentence(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(ExportError, match="the network cannot be traced: ") as caught:
        write_onnx(ExportGraph(Net(Branching()).eval(), SPEC), SPEC, tmp_path / "m.onnx")
    assert "\n" not in caught.value.message


def test_a_batch_statistic_in_a_graph_is_found() -> None:
    x = ir.Value(name="latent", shape=ir.Shape(["batch", 4]), type=ir.TensorType(ir.DataType.FLOAT))
    node = ir.node("BatchNormalization", [x], attributes={"training_mode": 1}, num_outputs=1, name="bn")
    node.outputs[0].name = "image"
    model = ir.Model(ir.Graph([x], [node.outputs[0]], nodes=[node], opset_imports={"": 22}), ir_version=10)
    with pytest.raises(ExportError, match=r"'bn' \(BatchNormalization\) uses the statistics of its batch"):
        check_pure(model, SPEC)


def test_what_was_exported_before_has_no_say_in_which_sizes_a_graph_takes(tmp_path: Path) -> None:
    """A loop that was traced for ten steps must not be found again where any number of steps is asked for."""
    row = MODELS.load("text_gru")
    graph = row.build(row.Config(vocabulary=30, steps=10, embedding=4, hidden=8)).eval().graphs["generator"]

    def fixed(tensors: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        shapes = [tuple(10 if size == "steps" else size for size in one.shape) for one in tensors]
        return tuple(one.model_copy(update={"shape": shape}) for one, shape in zip(tensors, shapes, strict=True))

    axes = {name: limits for name, limits in graph.spec.axes.items() if name != "steps"}
    ten = GraphSpec(inputs=fixed(graph.spec.inputs), outputs=fixed(graph.spec.outputs), axes=axes)
    assert "steps" in graph.spec.axes
    write_onnx(graph, ten, tmp_path / "ten.onnx")
    write_onnx(graph, graph.spec, tmp_path / "any.onnx")
    shapes = [
        [
            dim.dim_param or dim.dim_value
            for dim in onnx.load(tmp_path / file).graph.output[0].type.tensor_type.shape.dim
        ]
        for file in ("ten.onnx", "any.onnx")
    ]
    assert shapes == [["batch", 10], ["batch", "steps"]]
