"""Files that programs of ours wrote and something damaged: used as they are, or named in one line."""

import dataclasses
import io
import json
import logging
import shutil

import numpy as np
import pytest
import tiny
from absl import flags
from absl.testing import flagsaver
from fuzz.law import result_or_line
from hypothesis import example, given
from hypothesis import strategies as st

from musika_tf.autoencoder import checkpoints
from musika_tf.conditioning import extraction, signals, steering
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.evaluation.file_sets import true_bpm
from musika_tf.gan import data, latents
from musika_tf.model import bundle, metadata
from musika_tf.programs import settings

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from([10**400, [], {}])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
    max_leaves=5,
)
DEEP = "[" * 100_000
FLIPS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=4)


def damaged(content, kept, flips):
    """Bytes cut to a share, some of them changed."""
    content = bytearray(content[: round(kept * len(content))])
    for place, bits in flips if content else ():
        content[min(int(place * len(content)), len(content) - 1)] ^= bits
    return bytes(content)


# Latents

ARRAYS = {
    "latents": tiny.normal(9, 12),
    "model_id": "abc",
    "n_samples": np.int64(9 * 4096),
    "sample_rate": np.int64(44_100),
    "source": "a.wav",
    "conditioning_tempo": np.full([9, 1], 120, np.float32),
    "extractor_tempo": "grid",
    "confidence_tempo": np.float32(1.0),
}


def npz(arrays=ARRAYS, save=np.savez):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def check_latents(folder, content):
    path = folder / "latents" / "x.npz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    arrays = result_or_line(str(path), latents.read_latents, path)
    if arrays is not None:
        assert np.isfinite(arrays["latents"]).all() and arrays["latents"].dtype == np.float32
        assert isinstance(arrays["model_id"], str) and int(arrays.get("n_samples", 0)) is not None
    logging.disable(logging.WARNING)  # of pieces whose tempo is not clear
    pieces = result_or_line(str(path.parent), data.load_pieces, path.parent, [signals.find("tempo")], 8)
    logging.disable(logging.NOTSET)
    if pieces is not None:
        assert pieces.conditioning[0].shape == (len(pieces.latents[0]), 1)
        pieces.mirror = np.asarray  # any number of channels, each its own mirror image
        assert np.isfinite(pieces.statistics()).all()
    return pieces


def test_undamaged_latents(tmp_path):
    assert check_latents(tmp_path, npz()).n_latents == 9


@given(st.floats(0, 1), FLIPS, st.sampled_from([np.savez, np.savez_compressed]))
def test_damaged_latents(tmp_path_factory, kept, flips, save):
    check_latents(tmp_path_factory.getbasetemp(), damaged(npz(save=save), kept, flips))


@given(FLIPS, st.floats(0, 1), st.sampled_from([np.savez, np.savez_compressed]))
def test_changed_bytes_of_latents(tmp_path_factory, flips, where, save):
    """Whole files, with the changes close together: within one header, say."""
    close = [(where + place / 50, bits) for place, bits in flips]
    check_latents(tmp_path_factory.getbasetemp(), damaged(npz(save=save), 1.0, close))


DTYPES = st.sampled_from(["f4", "f8", "f2", "i4", "u1", "?", "U3", "S3", "c8", "O", "M8[s]", "V2"])
SHAPES = st.lists(st.sampled_from([0, 1, 2, 9, 12]), max_size=3).map(tuple)
VALUES = st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf])


def filled(dtype, shape, value):
    with np.errstate(invalid="ignore"):
        return np.full(shape, value, "f8").astype(dtype) if dtype[0] not in "MV" else np.zeros(shape, dtype)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ARRAYS)), st.one_of(st.none(), st.builds(filled, DTYPES, SHAPES, VALUES)), max_size=2
    )
)
@example({"latents": filled("f4", (9, 12), np.nan)})
@example({"n_samples": None})
@example({"conditioning_tempo": filled("f4", (9, 2), 1.0)})
@example({"confidence_tempo": filled("f4", (2,), 1.0)})
@example({"conditioning_tempo": filled("O", (9, 1), 1.0)})
def test_latents_of_other_kinds(tmp_path_factory, changes):
    arrays = {name: array for name, array in {**ARRAYS, **changes}.items() if array is not None}
    check_latents(tmp_path_factory.getbasetemp(), npz(arrays))


# JSON


@given(
    st.one_of(JSON.map(json.dumps), st.binary(max_size=30)), st.lists(st.sampled_from(list(signals.SIGNALS.values())))
)
@example(DEEP, [])
@example('{"bpm": [120, 130], "first_beat_seconds": 0}', [signals.find("tempo")])
@example('{"bpm": 0, "first_beat_seconds": 0}', [signals.find("beat")])
@example('{"bpm": 1' + "0" * 400 + ', "first_beat_seconds": 0}', [signals.find("beat")])
@example('{"onsets_seconds": 3, "seconds": 9}', [signals.find("note_density")])
@example('{"onsets_seconds": [3], "seconds": 1}', [signals.find("note_density")])
def test_facts_beside_audio(tmp_path_factory, content, wanted):
    path = tmp_path_factory.getbasetemp() / "track.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    times = np.arange(0.05, 30)
    for choice in result_or_line("track", extraction.choose, wanted, path.with_suffix(".wav"), "grid") or ():
        if choice.facts is not None:
            arrays = result_or_line("", choice.arrays, None, times)
            assert arrays is None or np.isfinite(arrays[f"conditioning_{choice.name}"]).all()
    bpm = result_or_line(str(path), true_bpm, path.with_suffix(".wav"))
    assert bpm is None or bpm > 0


METADATA = {
    "format_version": metadata.FORMAT_VERSION,
    "name": "tiny",
    "sample_rate": 44_100,
    "samples_per_latent": tiny.AUTOENCODER.samples_per_latent,
    "latent_size": tiny.AUTOENCODER.latent_channels,
    "window": tiny.GAN.window,
    "coordinate_size": tiny.GAN.coordinate_size,
    "conditioning": tiny.steerable().metadata(),
    "has_critic": True,
    "autoencoder_id": "abc",
    "autoencoder_config": dataclasses.asdict(tiny.AUTOENCODER),
    "gan_config": dataclasses.asdict(tiny.GAN),
}


def places(value, path=()):
    """The path of every value within a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value, path, new):
    """A copy of a value, with something else at one path; None takes it out."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    if new is None and len(path) == 1:
        del copy[path[0]]
    return copy


def check_metadata(folder, text):
    (folder / metadata.METADATA).write_text(text, errors="replace")
    read = result_or_line(f"--bundle_dir={folder}", metadata.read_metadata, folder)
    if read is not None:
        asked = steering.steer({"position": "0.5"}, read, 7, 60.0) if _knows(read, "position") else None
        assert asked is None or np.isfinite(asked.at(np.array([0.0, 50.0]))).all()
    return read


def _knows(read, name):
    return any(row["name"] == name and row["range"][0] <= 0.5 <= row["range"][1] for row in read["conditioning"])


@given(
    st.sampled_from(list(places(METADATA))),
    st.one_of(st.none(), JSON, st.sampled_from([10**400, -1, 0, 1.5, "x", True])),
)
@example(("format_version",), float("inf"))
@example(("sample_rate",), "44100")
@example(("conditioning", 0, "range"), [1, "2"])
@example(("gan_config", "depth"), 3)
def test_metadata_that_says_anything(tmp_path_factory, path, new):
    if path == ("gan_config", "depth"):
        text = json.dumps({**METADATA, "gan_config": {**METADATA["gan_config"], "depth": new}})
    else:
        text = json.dumps(changed(METADATA, path, new))
    check_metadata(tmp_path_factory.getbasetemp(), text)


@given(st.text(max_size=30), st.floats(0, 1))
@example(DEEP, 0.0)
def test_metadata_of_any_text(tmp_path_factory, text, kept):
    check_metadata(tmp_path_factory.getbasetemp(), text)
    whole = json.dumps(METADATA)
    assert check_metadata(tmp_path_factory.getbasetemp(), whole) == METADATA
    check_metadata(tmp_path_factory.getbasetemp(), whole[: round(kept * (len(whole) - 1))])


@given(st.one_of(JSON.map(json.dumps), st.text(max_size=30)))
@example(DEEP)
@example('{"width": 98}')
@example('{"depth": 3}')
def test_sizes_beside_checkpoints(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "autoencoder.json"
    path.write_text(text, errors="replace")
    config = result_or_line(str(path), checkpoints.stored_config, path)
    assert config is None or isinstance(config, AutoencoderConfig)


# Flags

VALUES_OF_FLAGS = st.one_of(st.text(max_size=12), st.floats().map(repr), st.integers().map(str), st.just("1,2,3,4"))
LINES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.tuples(
            st.sampled_from([*settings.config_flags(), "flagfile", "save_every", "signal_source"]), VALUES_OF_FLAGS
        ).map(lambda pair: f"--{pair[0]}={pair[1]}"),
    ),
    max_size=4,
)


@given(st.one_of(st.binary(max_size=40), LINES.map("\n".join)))
@example(b"\xff\xfe")
@example("--ae_width=" + "9" * 5000)
@example("--flagfile=/")
@example('--ae_steps="1,2')
@flagsaver.flagsaver
def test_effective_flags(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    path = folder / settings.EFFECTIVE
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))
    with flagsaver.flagsaver():
        flags.FLAGS(["train_ae.py"], known_only=True)
        result_or_line(str(path), settings.read_back, [folder])
        for config_class in (AutoencoderConfig, GanConfig):
            result_or_line("--", settings.config, config_class)


@given(st.sampled_from(settings.config_flags()), VALUES_OF_FLAGS)
@example("gan_window", "96")
@example("ae_learning_rates", "nan,1,1,1")
@example("ae_seed", "-1")
def test_config_flags(name, text):
    with flagsaver.flagsaver():
        try:
            flags.FLAGS(["train_ae.py", f"--{name}={text}"], known_only=True)
        except flags.Error:  # which the programs print as a line: tests/test_cli.py
            return
        for config_class in settings.PREFIXES:
            result_or_line(f"--{name}=", settings.config, config_class)


# SavedModels


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    bundle.save(path, tiny.autoencoder(), tiny.gan(n_conditioning=11), tiny.conditioner(), name="tiny")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("part", ["saved_model.pb", "variables/variables.index", "fingerprint.pb"])
def test_a_savedmodel_that_was_cut_short(saved, tmp_path, part):
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    content = (copy / part).read_bytes()
    for kept in [*np.random.default_rng(0).uniform(0, 1, 5), 0.0, None]:
        (copy / part).unlink()
        if kept is not None:
            (copy / part).write_bytes(content[: int(kept * len(content))])
        result_or_line(f"--bundle_dir={copy}", bundle.load, copy)
