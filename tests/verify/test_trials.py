import numpy as np

from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.verify.trials import trial_inputs

INPUTS = (
    TensorSpec(name="latent", dtype="float32", shape=("batch", 8)),
    TensorSpec(name="label", dtype="int64", shape=("batch",)),
    TensorSpec(name="truncation", dtype="float32", shape=("batch",)),
    TensorSpec(name="picture", dtype="uint8", shape=("batch", 16, 8, 3)),
    TensorSpec(name="floats", dtype="float32", shape=("batch", 3, 16, 8)),
    TensorSpec(name="code", dtype="float32", shape=("batch", 4)),
)
SPEC = GraphSpec(inputs=INPUTS, outputs=(), axes={"batch": AxisRange(min=1, opt=1, max=200)})
SAMPLER = Sampler(
    kind="feedforward",
    graph="generator",
    noise={
        "latent": NoiseInput(distribution="normal", stream=0),
        "label": NoiseInput(distribution="category", stream=1, categories=5),
    },
    settings={"truncation": Setting(default=0.7, low=0.25, high=0.75)},
)


def test_every_input_of_a_graph_gets_rows_that_depend_on_their_seeds_alone() -> None:
    whole = trial_inputs(SPEC, SAMPLER, range(10, 18))
    part = trial_inputs(SPEC, SAMPLER, [13])
    assert set(whole) == {tensor.name for tensor in INPUTS}
    for tensor in INPUTS:
        assert whole[tensor.name].shape == tensor.concrete({"batch": 8})
        assert whole[tensor.name].dtype == tensor.dtype
        np.testing.assert_array_equal(whole[tensor.name][3], part[tensor.name][0])


def test_settings_are_tried_over_their_range_and_images_are_smooth() -> None:
    tried = trial_inputs(SPEC, SAMPLER, range(200))
    assert 0.25 <= tried["truncation"].min() < 0.3 < 0.7 < tried["truncation"].max() <= 0.75
    picture = tried["picture"].astype(int)
    steps = np.abs(np.diff(picture, axis=1)).mean()
    assert steps < 0.4 * picture.std(), "neighbours are alike; of white noise it is 1.15"
    assert picture.std() > 30
    assert np.abs(tried["floats"]).max() <= 1
