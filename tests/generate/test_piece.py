"""A piece and its comment tag are one and the same."""

import pytest
from comments import read_piece

from musika_tf.errors import UserError
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan

METADATA = {"name": "tiny", "autoencoder_id": "0123456789ab", "steps": 12}


@pytest.mark.parametrize(
    "piece",
    [
        Piece(7, StylePlan.constant(7)),
        Piece(-(2**63), StylePlan.constant(2**63 - 1), -5, 2**40, 0.123456789),
        Piece(1, StylePlan.morph(2, 3, 0.1 + 0.2), 5, 6, 3.9, 44_100),
        Piece(1, StylePlan(((1.0, ((2, 0.1), (-3, 7.0))),)), settings={"tempo": "133.3333"}),
        Piece(
            1,
            StylePlan.constant(1),
            settings={
                "tempo": "1",
                "note_density": "0:0.1,30:0.8",
                "position": "plan: 20s,\t30s",
                "tags": "no vocals=0",
            },
            click=True,
            precision="bfloat16",
        ),
        Piece(1, StylePlan.constant(1), settings={"position": "a=b seed=9 %20 \n\0 \x1b ü ★ 'x' \"y\" loop_samples=3"}),
    ],
)
def test_comment_is_inverted(piece):
    comment = piece.comment(METADATA)
    assert comment.startswith("musika_tf model=tiny id=0123456789ab steps=12 seed=")
    assert comment.isascii() and comment.isprintable()
    assert read_piece(comment) == piece


def test_comment_says_what_was_asked_for_as_it_is_written():
    settings = {"tags": "techno=0.9,no vocals=0:0.1,30:0.2", "tempo": "132.0", "position": "plan:27,27,237"}
    comment = Piece(1, StylePlan.constant(1), 0, 9, settings=settings, click=True).comment(METADATA)
    assert comment.endswith(
        " n_samples=9 bpm=132.0 position=plan:27,27,237 tags=techno=0.9,no%20vocals=0:0.1,30:0.2 click=1"
    )


def test_a_models_name_may_hold_any_bytes():
    comment = Piece(1, StylePlan.constant(1)).comment({**METADATA, "name": "m\udcff [1] "})
    assert comment.startswith("musika_tf model=m%FF%20%5B1%5D%20 id=")
    assert read_piece(comment) == Piece(1, StylePlan.constant(1))


def test_a_models_name_cannot_pass_for_a_value():
    comment = Piece(1, StylePlan.constant(1)).comment({**METADATA, "name": "x click=1 bpm=100"})
    assert read_piece(comment) == Piece(1, StylePlan.constant(1))


@pytest.mark.parametrize(
    ("start", "n", "fits"),
    [(2**53 - 1, 1, True), (2**53, 1, False), (2**53 + 1, None, False), (-(2**53) - 1, 5, False), (2**53, 0, True)],
)
def test_a_piece_ends_at_2_to_the_53(start, n, fits):
    if fits:
        assert Piece(1, StylePlan.constant(1), start, n).end_sample == start + n
    else:
        with pytest.raises(UserError, match=r"--start, --length: beyond 2\^53 samples"):
            Piece(1, StylePlan.constant(1), start, n)
