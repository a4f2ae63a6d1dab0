from pathlib import Path

import pytest

from gantools.core.errors import ArtifactError
from gantools.media.video.encoder import Packet
from gantools.media.video.pieces import PieceWriter, headers_of, heads_of, packets_of

PACKETS = [Packet(b"first", -40, 40, True), Packet(b"", 2**40, 7, False), Packet(b"x" * 70000, 3, 0, False)]


def written(path: Path) -> PieceWriter:
    writer = PieceWriter(path, b"headers")
    for packet in PACKETS:
        writer.add(packet)
    return writer


def test_packets_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "0.piece"
    written(path).finish()
    assert headers_of(path) == b"headers"
    assert list(packets_of(path)) == PACKETS
    assert [(head.pts, head.duration, head.size, head.keyframe) for head in heads_of(path)] == [
        (packet.pts, packet.duration, len(packet.content), packet.keyframe) for packet in PACKETS
    ]


def test_a_piece_is_not_there_before_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "0.piece"
    writer = written(path)
    assert not path.exists()
    writer.drop()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_piece_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0.piece"
    path.write_bytes(b"something else")
    with pytest.raises(ArtifactError, match="is no piece of a video"):
        list(packets_of(path))
