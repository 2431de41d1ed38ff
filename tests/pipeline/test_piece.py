"""A piece and its comment tag are one and the same."""

import pytest

from musika_tf.errors import UserError
from musika_tf.pipeline.piece import Piece, read_comment
from musika_tf.pipeline.steering import Steering
from musika_tf.pipeline.styles import StylePlan

METADATA = {"name": "tiny", "autoencoder_id": "0123456789ab", "steps": 12}


@pytest.mark.parametrize(
    "piece",
    [
        Piece(7, StylePlan.constant(7)),
        Piece(-(2**63), StylePlan.constant(2**63 - 1), -5, 2**40, 0.123456789),
        Piece(1, StylePlan.morph(2, 3, 0.1 + 0.2), 5, 6, 3.9, 44_100),
        Piece(1, StylePlan(((1.0, ((2, 0.1), (-3, 7.0))),)), steering=Steering(133.3333)),
    ],
)
def test_comment_is_inverted(piece):
    comment = piece.comment(METADATA)
    assert comment.startswith("musika_tf model=tiny id=0123456789ab steps=12 seed=")
    assert read_comment(comment) == piece


def test_comments_of_the_first_files_are_read():
    comment = "musika_tf model=a id=b steps=1 seed=1 style_seed=2 truncation=2.0 start_sample=3 n_samples=4"
    assert read_comment(comment) == Piece(1, StylePlan.constant(2), 3, 4)


@pytest.mark.parametrize(
    "comment",
    [
        "",
        None,
        "seed=1",
        "made by hand",
        "seed=x style_seed=1 truncation=2.0 start_sample=0 n_samples=9",
        "seed=1 style=[1] truncation=2.0 start_sample=0 n_samples=9",
        "seed=1 style={} truncation=2.0 start_sample=0 n_samples=9",
        "seed=1 style=1 truncation=2.0 start_sample=0 n_samples=9 bpm=fast",
    ],
)
def test_comment_of_another_file_is_refused(comment):
    with pytest.raises(UserError, match="not of a file that generate.py wrote"):
        read_comment(comment)


@pytest.mark.parametrize(
    ("start", "n", "fits"),
    [(2**53 - 1, 1, True), (2**53, 1, False), (2**53 + 1, None, False), (-(2**53) - 1, 5, False), (2**53, 0, True)],
)
def test_a_piece_ends_at_2_to_the_53(start, n, fits):
    if fits:
        assert Piece(1, StylePlan.constant(1), start, n).end_sample == start + n
    else:
        with pytest.raises(UserError, match=r"--start: beyond 2\^53 samples"):
            Piece(1, StylePlan.constant(1), start, n)
