"""What ``serving.py --peer litserve`` starts: LitServe in front of the very session that ``gantools serve`` runs.

    python benchmarks/serving_peer.py ART PORT [--threads N] [--batch 64] [--delay-ms 0]

``POST /predict`` with ``{"seed": 7}`` answers the bytes of one sample. Batches are LitServe's own (``max_batch_size``,
``batch_timeout``), one worker, since the session has all threads; no access log. Needs ``pip install litserve``.
"""

from __future__ import annotations

import argparse
from typing import Any

import litserve
from fastapi import Response

from gantools.samplers import open_artifact


class Sampler(litserve.LitAPI):  # type: ignore[misc]
    """Seeds in, bytes out."""

    def __init__(self, art: str, threads: int | None, **options: Any) -> None:
        super().__init__(**options)
        self._art, self._threads = art, threads

    def setup(self, device: str) -> None:
        """Open the artifact, in the worker."""
        del device
        self._generator = open_artifact(self._art, threads=self._threads)

    def decode_request(self, request: dict[str, int]) -> int:
        """The seed."""
        return request["seed"]

    def predict(self, seeds: int | list[int]) -> Any:
        """Samples of a batch of seeds, or of one."""
        some = seeds if isinstance(seeds, list) else [seeds]
        made = self._generator.sample(some)
        return list(made) if isinstance(seeds, list) else made[0]

    def unbatch(self, output: Any) -> Any:
        """One sample each."""
        return list(output)

    def encode_response(self, output: Any) -> Response:
        """Bytes."""
        return Response(content=output.tobytes(), media_type="application/octet-stream")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("art")
    parser.add_argument("port", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    chosen = parser.parse_args()
    api = Sampler(chosen.art, chosen.threads, max_batch_size=chosen.batch, batch_timeout=chosen.delay_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=chosen.port, num_api_servers=1, generate_client_file=False, access_log=False)


if __name__ == "__main__":
    main()
