"""Words: interpolated at the latents' centres, one channel each, and as users write them."""

import clicks
import numpy as np
import pytest

from musika_tf.conditioning import musicnn, tags
from musika_tf.conditioning.signal import Span
from musika_tf.conditioning.tags import Tag
from musika_tf.errors import UserError

needs_musicnn = pytest.mark.skipif(
    not tags.installed(), reason="what tags need (pip install --no-deps musicnn) is missing"
)


class Ear:
    """Hears the time of its patch's middle in every word, as the real one cuts patches."""

    def listen(self, chunks, hop_seconds):
        assert hop_seconds == 1.0
        n_samples = sum(map(len, chunks))
        if n_samples < 3 * 16_000:
            raise ValueError("MusiCNN needs three seconds of audio")
        frames = 1 + n_samples // 256
        middles = (np.arange(1 + (frames - 187) // 62) * 62 + 93) * 256 / 16_000
        return musicnn.Embedding(None, np.tile(middles[:, None], (1, 50)).astype(np.float32))


@pytest.fixture
def ear(monkeypatch):
    monkeypatch.setattr(tags, "_network", Ear)


def test_activations_lie_at_the_latents_centres(ear):
    times = clicks.times(20)
    heard = tags.activations(np.zeros([20 * 44_100, 2], np.float32), times)
    assert heard.shape == (len(times), 50) and heard.dtype == np.float32
    inside = (times > 1.5) & (times < 18)
    np.testing.assert_allclose(heard[inside, 7], times[inside], atol=1e-5)
    assert heard[0, 0] == pytest.approx(93 * 0.016)  # held beyond the outermost middles
    assert (np.diff(heard[:, 0]) >= 0).all()


def test_short_pieces_are_refused(ear):
    with pytest.raises(UserError, match="tags: MusiCNN needs three seconds"):
        tags.activations(np.zeros([100, 2], np.float32), np.zeros(1))


def test_a_word_is_its_column():
    stored = np.arange(100, dtype=np.float32).reshape(2, 50)
    assert Tag("slow").pick(stored).tolist() == [[2.0], [52.0]]
    assert (Tag("slow").name, Tag("slow").stored_name) == ("tag:slow", "tags")
    assert set(tags.CHOSEN) < set(tags.TAGS)


# Ten pieces of techno and ten of piano, a little different each: their means, and what they are made of.
TECHNO = np.concatenate([np.linspace(0.8, 0.95, 10), np.linspace(0.0, 0.1, 10)]).round(4)
PIANO = np.concatenate([np.linspace(0.0, 0.1, 10), np.linspace(0.6, 0.8, 10)]).round(4)


def fitted(word, means):
    pieces = [np.float32([[mean - 0.1], [mean + 0.1]]) for mean in means]
    return Tag(word).fitted(pieces, 10.0)


def test_a_model_keeps_the_words_of_its_pieces_and_of_very_many_some():
    assert fitted("techno", TECHNO).pieces == tuple(TECHNO)
    rare = np.where(np.arange(500) % 250 == 17, 0.9, 0.1)
    assert fitted("rock", rare).pieces == tuple(rare)
    kept = fitted("techno", np.linspace(0, 1, 4000)).pieces
    assert len(kept) == 512 and kept[0] == 0 and kept[-1] == 1 and max(np.diff(kept)) < 0.0025
    row = fitted("techno", TECHNO).facts()
    assert Tag("techno").restored(row) == fitted("techno", TECHNO)


def test_a_style_draws_the_words_of_one_piece():
    pairs = []
    for style_seed in range(200):
        values = [
            fitted(word, means).draw(style_seed, np.arange(3.0), None, None).numpy()
            for word, means in (("techno", TECHNO), ("piano", PIANO))
        ]
        assert all(v.shape == (3, 1) and (v == v[0]).all() for v in values)
        pairs.append(tuple(round(float(v[0, 0]), 4) for v in values))
    assert set(pairs) == set(zip(TECHNO, PIANO, strict=True))
    assert max(map(pairs.count, pairs)) < 30


@pytest.mark.parametrize("style_seed", range(10))
def test_words_left_out_are_those_of_pieces_that_have_the_others(style_seed):
    techno, piano = fitted("techno", TECHNO), fitted("piano", PIANO)
    curve = techno.parse_user("0:0.9,60:0.05")
    left_out = tags.InKeeping(piano, ((techno, curve),), style_seed)
    times = np.linspace(0, 60, 601)
    values = left_out(times)
    assert values.shape == (601, 1) and values.dtype == np.float32
    assert values[0, 0] <= 0.1 and 0.6 <= values[-1, 0] <= 0.8
    assert np.abs(np.diff(values[:, 0])).max() < 0.1  # no jump from one piece to the next
    np.testing.assert_array_equal(left_out(times[7:9]), values[7:9])


def test_styles_differ_in_what_they_take():
    techno, piano = fitted("techno", TECHNO), fitted("piano", PIANO)
    asked = ((techno, techno.parse_user("0.05")),)
    values = [tags.InKeeping(piano, asked, style_seed)(np.zeros(1))[0, 0] for style_seed in range(20)]
    assert np.std(values) > 0.02


@needs_musicnn
@pytest.mark.parametrize("n_samples", [1, 100, 441, 4410])
def test_shortest_pieces_are_refused_by_the_real_ear_too(n_samples):
    with pytest.raises(UserError, match="tags: MusiCNN needs three seconds"):
        Tag("techno").extract(np.zeros([n_samples, 2], np.float32), np.zeros(1))


@needs_musicnn
def test_a_change_of_the_music_is_heard_where_it_is():
    rng = np.random.default_rng(0)
    waveform = np.repeat(rng.normal(0, 1, [30 * 44_100, 1]).astype(np.float32), 2, axis=1)
    waveform[: 15 * 44_100] *= 1e-4
    waveform[15 * 44_100 :] *= 0.2
    times = clicks.times(30)
    extracted = Tag("techno").extract(waveform, times)
    assert extracted.extractor == "musicnn"
    assert extracted.stored.min() >= 0 and extracted.stored.max() <= 1
    before, after = extracted.stored[times < 12].mean(axis=0), extracted.stored[times > 18].mean(axis=0)
    most = np.argmax(np.abs(after - before))
    share = (extracted.stored[:, most] - before[most]) / (after[most] - before[most])
    # Patches are three seconds long, so the change takes three; it lies around the middle.
    assert times[np.argmax(share > 0.5)] == pytest.approx(15, abs=1.6)


def test_without_the_weights_what_to_install_is_named(monkeypatch):
    tags._network.cache_clear()
    monkeypatch.setattr(musicnn.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps musicnn"):
        Tag("slow").extractor()


def test_parse_words():
    assert tags.parse_words(" techno=0.9, no vocals = 0.1") == {"techno": "0.9", "no vocals": "0.1"}
    assert tags.parse_words("no_vocals=0.1") == {"no vocals": "0.1"}


@pytest.mark.parametrize("text", ["", "techno", "techno=", "=0.3", "techno=0.1,", "techno=0.1,techno=0.2"])
def test_malformed_words_are_named(text):
    with pytest.raises(UserError) as error:
        tags.parse_words(text)
    assert str(error.value).startswith(f"--tags={text}: ")


def test_users_are_held_to_the_trained_range_of_the_word():
    span = Span(*(np.array([v], np.float32) for v in (0.3, 0.1, 0.0, 0.75)))
    assert Tag("techno").parse_user("0.75", span)(np.zeros(2)).tolist() == [[0.75], [0.75]]
    with pytest.raises(UserError, match="--tags=techno=0.9: 0.9 is outside of .* 0 to 0.75"):
        Tag("techno").parse_user("0.9", span)(np.zeros(2))
