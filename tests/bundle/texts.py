"""A generator of texts written by hand, because exporting one takes longer than all tests of bundles: one Scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gantools.core.artifact import MANIFEST, GraphFile, Manifest, TextOutput, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.core.tokens import BEGIN, FREE
from gantools.data.tokenizers import Kind, train_tokenizer

STEPS, WORDS, LATENT, CLASSES, HIDDEN = 9, 70, 3, 4, 8
SAMPLER = Sampler(
    kind="sequence",
    graph="generator",
    noise={
        "latent": NoiseInput(distribution="normal", stream=0),
        "label": NoiseInput(distribution="category", stream=1, categories=CLASSES),
        "uniforms": NoiseInput(distribution="uniform", stream=2),
    },
    settings={"temperature": Setting(default=1.0, low=0.1, high=2.0)},
    constants={"prefix": FREE},
)


def make_texts(folder: Path, kind: Kind = "word") -> Path:
    """A sealed artifact whose words are ``w0`` to ``w66``, or whose tokens are characters or pieces of bytes."""
    words = [f"w{number}" for number in range(WORDS - 3)]
    tokenizer = train_tokenizer([*words, "naïve café — 日本語 😀"] if kind != "word" else words, kind, 300)
    vocabulary = len(json.loads(tokenizer)["model"]["vocab"])
    axes = {"batch": AxisRange(min=1, opt=4, max=8), "steps": AxisRange(min=1, opt=STEPS, max=STEPS)}
    shapes: list[tuple[str, Any, tuple[int | str, ...]]] = [
        ("latent", "float32", ("batch", LATENT)),
        ("label", "int64", ("batch",)),
        ("uniforms", "float32", ("batch", "steps", 2)),
        ("temperature", "float32", ("batch",)),
        ("prefix", "int32", ("batch", "steps")),
    ]
    inputs = tuple(TensorSpec(name=name, dtype=dtype, shape=shape) for name, dtype, shape in shapes)
    outputs = (TensorSpec(name="tokens", dtype="int32", shape=("batch", "steps")),)
    spec = GraphSpec(inputs=inputs, outputs=outputs, axes=axes)
    with staged_folder(folder, marker=MANIFEST) as staged:
        onnx.save(_model(spec, vocabulary), staged / "generator.onnx")
        (staged / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
        graph = GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=spec)
        output = TextOutput(steps=STEPS, vocabulary=vocabulary)
        manifest = Manifest(
            schema=1, name="words", modality="text", sampler=SAMPLER, graphs={"generator": graph}, output=output
        )
        seal(staged, manifest)
    return load_artifact(folder).path


def _model(spec: GraphSpec, vocabulary: int) -> onnx.ModelProto:
    """A recurrent network whose token is where a uniform number falls in the sums of the shares."""
    rng = np.random.default_rng(1)
    weights = {
        "embedding": rng.normal(size=(vocabulary, HIDDEN)),
        "recurrent": rng.normal(size=(HIDDEN, HIDDEN)),
        "head": 2 * rng.normal(size=(HIDDEN, vocabulary)),
        "of_latent": rng.normal(size=(LATENT, HIDDEN)),
        "of_label": rng.normal(size=(CLASSES, HIDDEN)),
        "forbidden": np.where(np.isin(np.arange(vocabulary), (1, 2)), -1e9, 0.0),
    }
    constants: dict[str, Any] = {name: value.astype(np.float32) for name, value in weights.items()}
    constants |= {"one": np.array([1]), "begin": np.array([BEGIN]), "zero": np.array(0, np.int32), "end": np.array(0)}
    floats, longs, ints = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32

    def value(name: str, kind: int, shape: list[int | str | None]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    node = helper.make_node
    body = helper.make_graph(
        [
            node("Gather", ["embedding", "token"], ["seen"]),
            node("MatMul", ["hidden", "recurrent"], ["turned"]),
            node("Add", ["seen", "turned"], ["sum"]),
            node("Tanh", ["sum"], ["next_hidden"]),
            node("MatMul", ["next_hidden", "head"], ["raw"]),
            node("Add", ["raw", "forbidden"], ["logits"]),
            node("Unsqueeze", ["heat", "one"], ["heat_column"]),
            node("Div", ["logits", "heat_column"], ["heights"]),
            node("Softmax", ["heights"], ["shares"], axis=1),
            node("CumSum", ["shares", "one"], ["ends"]),
            node("ReduceMean", ["uniform", "one"], ["middle"], keepdims=1),
            node("Less", ["ends", "middle"], ["below"]),
            node("Cast", ["below"], ["below_count"], to=longs),
            node("ReduceSum", ["below_count", "one"], ["drawn"], keepdims=0),
            node("Less", ["forced", "zero"], ["free"]),
            node("Cast", ["forced"], ["forced_long"], to=longs),
            node("Where", ["free", "drawn", "forced_long"], ["chosen"]),
            node("Equal", ["token", "end"], ["ended"]),
            node("Where", ["ended", "end", "chosen"], ["next_token"]),
            node("Identity", ["heat"], ["next_heat"]),
            node("Cast", ["next_token"], ["told"], to=ints),
        ],
        "step",
        [
            value("token", longs, ["batch"]),
            value("heat", floats, ["batch"]),
            value("hidden", floats, ["batch", HIDDEN]),
            value("uniform", floats, ["batch", 2]),
            value("forced", ints, ["batch"]),
        ],
        [
            value("next_token", longs, ["batch"]),
            value("next_heat", floats, ["batch"]),
            value("next_hidden", floats, ["batch", HIDDEN]),
            value("told", ints, ["batch"]),
        ],
    )
    nodes = [
        node("MatMul", ["latent", "of_latent"], ["from_latent"]),
        node("Gather", ["of_label", "label"], ["from_label"]),
        node("Add", ["from_latent", "from_label"], ["first"]),
        node("Shape", ["label"], ["rows"]),
        node("Expand", ["begin", "rows"], ["first_token"]),
        node(
            "Scan",
            ["first_token", "temperature", "first", "uniforms", "prefix"],
            ["last_token", "last_heat", "last", "by_step"],
            body=body,
            num_scan_inputs=2,
            scan_input_axes=[1, 1],
        ),
        node("Transpose", ["by_step"], ["tokens"], perm=[1, 0]),
    ]
    types = {"float32": floats, "int64": longs, "int32": ints}
    given, told = (
        [value(one.name, types[one.dtype], list(one.shape)) for one in tensors]
        for tensors in (spec.inputs, spec.outputs)
    )
    graph = helper.make_graph(
        nodes, "texts", given, told, [numpy_helper.from_array(array, name) for name, array in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model
