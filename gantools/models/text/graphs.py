"""The graphs and the sampler of a generator of text, which are the same for every architecture.

``generator`` holds the whole loop: one run makes a batch of texts. ``step`` is one turn of it, for applications that
show a text while it grows; ``begin`` makes its first state where that depends on something; ``score`` says how likely
the model finds texts that are there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gantools.core.artifact import TextOutput
from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.core.tokens import BEGIN, END, FREE
from gantools.models.model import ExportGraph, Model
from gantools.models.text.choice import Choice
from gantools.models.text.generator import TextGenerator
from gantools.models.text.loop import Tensors, loop

BATCH = AxisRange(min=1, opt=16, max=64)
HOTTEST = 2.0
"""The largest sensible temperature."""
_UNIFORMS_DOC = "U(0, 1), ends excluded: the block of tokens, and the token in it"
LATENT_STREAM, LABEL_STREAM, UNIFORM_STREAM, TOKEN_STREAM, TOKENS_STREAM = range(5)


class WholeText(nn.Module):
    """The graph ``generator``: its inputs by position -> tokens (batch, steps) int32.

    Args:
        net: Predicts.
        names: Of the inputs.
    """

    def __init__(self, net: TextGenerator, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names
        self.choice = Choice(net.config.vocabulary, net.config.candidates)

    def forward(self, *inputs: Tensor) -> Tensor:
        """See the class."""
        given = dict(zip(self.names, inputs, strict=True))
        uniforms, settings = given["uniforms"], [given[name] for name in ("temperature", "top_k", "top_p")]
        state = self.net.begin(given.get("latent"), given.get("label"), uniforms.shape[0])

        def body(carried: Tensors, now: Tensors) -> tuple[Tensors, Tensors]:
            # OpenVINO knows no tensors from outside the loop but constants (2026.4), so settings are carried too.
            token, temperature, top_k, top_p, *states = carried
            uniform, forced = now
            logits, following = self.net.step(token, tuple(states))
            chosen = self.choice(logits, uniform, temperature, top_k, top_p)
            chosen = torch.where(forced >= 0, forced.long(), chosen)
            chosen = torch.where(token == END, torch.full_like(chosen, END), chosen)
            kept = (temperature.clone(), top_k.clone(), top_p.clone())
            return (chosen, *kept, *following), (chosen.int(),)

        first = torch.full_like(uniforms[:, 0, 0], BEGIN, dtype=torch.int64)
        each = (uniforms.transpose(0, 1), given["prefix"].transpose(0, 1))
        _, (tokens,) = loop(body, (first, *settings, *state), each)
        return tokens.transpose(0, 1)


class OneStep(nn.Module):
    """The graph ``step``: last token, two uniform numbers, settings and state -> a token, its log probability, state.

    What never changes of a state is no output: runtimes mistake an output that is an input for that input.

    Args:
        net: Predicts.
    """

    def __init__(self, net: TextGenerator) -> None:
        super().__init__()
        self.net = net
        self.choice = Choice(net.config.vocabulary, net.config.candidates)

    def forward(self, *inputs: Tensor) -> Tensors:
        """See the class. The log probability is that of the model as it is: temperature 1, nothing filtered."""
        last, uniform, temperature, top_k, top_p, *state = inputs
        logits, following = self.net.step(last.long(), tuple(state))
        chosen = self.choice(logits, uniform, temperature, top_k, top_p)
        chosen = torch.where(last == END, torch.full_like(chosen, END), chosen)
        probability = logits.log_softmax(1).gather(1, chosen[:, None]).squeeze(1)
        probability = torch.where(last == END, torch.zeros_like(probability), probability)
        return (chosen.int(), probability, *following[: len(following) - self.net.kept])


class FirstState(nn.Module):
    """The graph ``begin``: its inputs by position -> the state before the first token.

    Args:
        net: Predicts.
        names: Of the inputs.
    """

    def __init__(self, net: TextGenerator, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *inputs: Tensor) -> Tensors:
        """See the class."""
        given = dict(zip(self.names, inputs, strict=True))
        return self.net.begin(given.get("latent"), given.get("label"), inputs[0].shape[0])


class LogLikelihood(nn.Module):
    """The graph ``score``: tokens (batch, steps) int32 -> log p of each (batch, steps) float32, 0 behind the end.

    Args:
        net: Predicts.
        names: Of the inputs, ``tokens`` first.
    """

    def __init__(self, net: TextGenerator, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *inputs: Tensor) -> Tensor:
        """See the class."""
        given = dict(zip(self.names, inputs, strict=True))
        tokens = given["tokens"].long()
        logits = self.net(tokens, given.get("latent"), given.get("label"))
        found = logits.log_softmax(2).gather(2, tokens[:, :, None]).squeeze(2)
        ended = (tokens == END).long()
        inside = ended.cumsum(1) == ended
        return torch.where(inside, found, torch.zeros_like(found))


def text_model(generator: TextGenerator, nets: Mapping[str, nn.Module] | None = None) -> Model:
    """A model whose net ``"G"`` is the generator.

    Args:
        generator: What is built into graphs.
        nets: What is trained, where it is not just ``{"G": generator}``. All of these are averaged.
    """
    config = generator.config
    axes = {"batch": BATCH, "steps": AxisRange(min=1, opt=config.steps, max=config.steps)}
    known = _known(generator)
    uniforms = TensorSpec(name="uniforms", dtype="float32", shape=("batch", "steps", 2), doc=_UNIFORMS_DOC)
    settings = tuple(
        TensorSpec(name=name, dtype="float32", shape=("batch",), doc=doc)
        for name, doc in (
            ("temperature", "0: the likeliest token"),
            ("top_k", "only so many of the likeliest tokens; 0: all"),
            ("top_p", "only the likeliest tokens of at least this probability together; 1: all"),
        )
    )
    prefix = TensorSpec(name="prefix", dtype="int32", shape=("batch", "steps"), doc="a token, or -1: free")
    tokens = TensorSpec(name="tokens", dtype="int32", shape=("batch", "steps"), doc=f"0..{config.vocabulary - 1}")
    likelihood = TensorSpec(name="log_likelihood", dtype="float32", shape=("batch", "steps"), doc="nats; 0: no text")
    whole = (*known, uniforms, *settings, prefix)
    graphs = {
        "generator": ExportGraph(
            WholeText(generator, _names(whole)), GraphSpec(inputs=whole, outputs=(tokens,), axes=axes)
        ),
        **_stepwise(generator, known, settings),
        "score": ExportGraph(
            LogLikelihood(generator, _names((tokens, *known))),
            GraphSpec(inputs=(tokens, *known), outputs=(likelihood,), axes=axes),
        ),
    }
    trained: dict[str, nn.Module] = dict(nets) if nets else {"G": generator}
    return Model(
        nets=trained,
        graphs=graphs,
        sampler=Sampler(
            kind="sequence",
            graph="generator",
            noise=_noise(generator),
            settings={
                "temperature": Setting(default=1.0, low=0.0, high=HOTTEST),
                "top_k": Setting(default=0.0, low=0.0, high=min(config.candidates, config.vocabulary)),
                "top_p": Setting(default=1.0, low=0.0, high=1.0),
            },
            constants={"prefix": FREE},
        ),
        modality="text",
        output=TextOutput(steps=config.steps, vocabulary=config.vocabulary),
        averaged=tuple(trained),
        classes=config.classes,
    )


def _stepwise(
    net: TextGenerator, known: tuple[TensorSpec, ...], settings: tuple[TensorSpec, ...]
) -> dict[str, ExportGraph]:
    """The graphs that a text grows with, step by step."""
    axes = {"batch": BATCH}
    state = _state(net)
    changing = state[: len(state) - net.kept]
    following = tuple(one.model_copy(update={"name": f"next_{one.name}", "doc": ""}) for one in changing)
    fed = tuple(one.model_copy(update={"state_of": f"next_{one.name}"}) for one in changing)
    fed += tuple(one.model_copy(update={"doc": "the same at every step"}) for one in state[len(changing) :])
    token = TensorSpec(name="token", dtype="int32", shape=("batch",), doc=f"at first {BEGIN}", state_of="next_token")
    uniform = TensorSpec(name="uniforms", dtype="float32", shape=("batch", 2), doc=_UNIFORMS_DOC)
    made = (
        TensorSpec(name="next_token", dtype="int32", shape=("batch",), doc=f"{END}: the text has ended"),
        TensorSpec(name="log_probability", dtype="float32", shape=("batch",), doc="nats, of the model as it is"),
    )
    graphs = {
        "step": ExportGraph(
            OneStep(net),
            GraphSpec(inputs=(token, uniform, *settings, *fed), outputs=(*made, *following), axes=axes),
        )
    }
    if known:
        graphs["begin"] = ExportGraph(FirstState(net, _names(known)), GraphSpec(inputs=known, outputs=state, axes=axes))
    return graphs


def _known(net: TextGenerator) -> tuple[TensorSpec, ...]:
    """What a whole text depends on."""
    config, inputs = net.config, []
    if config.latent:
        inputs.append(TensorSpec(name="latent", dtype="float32", shape=("batch", config.latent), doc="N(0, 1)"))
    if config.classes:
        doc = f"class, 0..{config.classes - 1}"
        inputs.append(TensorSpec(name="label", dtype="int64", shape=("batch",), doc=doc))
    return tuple(inputs)


def _state(net: TextGenerator) -> tuple[TensorSpec, ...]:
    config = net.config
    latent = torch.zeros(1, config.latent) if config.latent else None
    label = torch.zeros(1, dtype=torch.int64) if config.classes else None
    with torch.no_grad():
        parts = net.begin(latent, label, 1)
    return tuple(
        TensorSpec(
            name=f"state_{place}",
            dtype="float32",
            shape=("batch", *part.shape[1:]),
            doc="" if latent is not None or label is not None else "at first 0",
        )
        for place, part in enumerate(parts)
    )


def _noise(net: TextGenerator) -> dict[str, NoiseInput]:
    """What is drawn. Tokens are not, where people sample; but whoever tries a graph needs some to try it with."""
    config = net.config
    drawn = {"uniforms": NoiseInput(distribution="uniform", stream=UNIFORM_STREAM)}
    if config.latent:
        drawn["latent"] = NoiseInput(distribution="normal", stream=LATENT_STREAM)
    if config.classes:
        drawn["label"] = NoiseInput(distribution="category", stream=LABEL_STREAM, categories=config.classes)
    for name, stream in (("token", TOKEN_STREAM), ("tokens", TOKENS_STREAM)):
        drawn[name] = NoiseInput(distribution="category", stream=stream, categories=config.vocabulary)
    return drawn


def _names(tensors: tuple[TensorSpec, ...]) -> tuple[str, ...]:
    return tuple(tensor.name for tensor in tensors)
