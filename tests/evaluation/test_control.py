"""The program: its tables, its picture, and its one line for what is wrong."""

import dataclasses
import json

import numpy as np
import pytest
import tiny
import warm

from musika_tf.errors import UserError
from musika_tf.evaluation.control import figures, picture, report


def measured(clock=True):
    """What --json holds of a model whose every tempo is a BPM too high, and of one that follows its density."""
    rows = [
        {"seed": seed, "requested": bpm, "measured": value, "confidence": 0.9, "pulse": 0.8}
        | figures.tempo_row(value, bpm)
        for bpm in (115.0, 125.0)
        for seed, value in ((1, bpm + 1), (2, 2 * bpm))
    ]
    settings = [{"requested": b, **figures.tempo_summary([r for r in rows if r["requested"] == b])} for b in (115, 125)]
    how = {"extractor": "tempocnn", "seconds": 60, "seeds": 2}
    return {
        "model": "techno", "steps": 9, "clock": clock,
        "tempo": {**how, "pieces": rows, "settings": settings, "all": figures.tempo_summary(rows)},
    }  # fmt: skip


def density(values):
    rows = [{"seed": 1, "requested": r, "measured": m} for r, m in values]
    settings = [{"requested": r["requested"], **figures.density_summary([r])} for r in rows]
    part = {"extractor": "madmom", "seconds": 60, "seeds": 1, "pieces": rows, "settings": settings}
    times = np.arange(100.0)
    curve = {
        "extractor": "madmom", "seconds": 7200.0, "lowest": 0.2, "highest": 0.6, "period": 600, "correlation": 0.8764,
        "correlation_unsmoothed": 0.5, "smoothing_seconds": 30.0, "points": np.stack([times] * 3, axis=1).tolist(),
    }  # fmt: skip
    return {
        "model": "piano", "steps": 9, "clock": False, "curve": curve,
        "note_density": {**part, "all": figures.rank_summary(rows)},
    }  # fmt: skip


def test_tempo_table():
    lines = report.text(measured()).splitlines()
    assert "Tempo (tempo and beat clock), 2 seeds of 60 s, by Tempo-CNN" in lines[2]
    assert lines[-3:] == [
        "| 115 | 2 | 1.00 | 50% (1 at 2) | 0.80; 0.80 |",
        "| 125 | 2 | 1.00 | 50% (1 at 2) | 0.80; 0.80 |",
        "| all | 4 | 1.00 | 50% (2 at 2) | 0.80; 0.80 |",
    ]
    assert "Tempo (tempo alone)" in report.text(measured(clock=False))


def test_density_table():
    text = report.text(density([(0.15, 0.2), (0.3, 0.25)]))
    assert "| 0.15 | 1 | 0.200 | 0.200-0.200 |" in text
    assert "Rank correlation 1.000; the means rise with each step." in text
    assert "120 minutes" in text and "correlation 0.876 (both as means of 30 s; 0.500 without)" in text
    assert "do NOT rise" in report.text(density([(0.15, 0.3), (0.3, 0.25)]))


def test_tags_table():
    row = {"requested": "rock=0.5", "pieces": 10, "followed": 8, "mean": 0.417, "first": {"rock": 6, "guitar": 4}}
    part = {"extractor": "musicnn", "seconds": 60, "seeds": 10, "settings": [row], "all": {"rock=0.5": 0.021}}
    text = report.text({"model": "misc", "steps": 9, "clock": False, "tags": part})
    assert "Tags, 10 seeds of 60 s, by MusiCNN" in text
    assert text.splitlines()[-1] == "| rock=0.5 | 10 | 8 | 0.42 | 0.02 | rock 6 of 10, guitar 4 of 10 |"


def test_picture_of_several_models(tmp_path):
    from matplotlib import image

    picture.draw(tmp_path / "one.png", [measured()])
    picture.draw(tmp_path / "all.png", [measured(), measured(False), density([(0.15, 0.2), (0.3, 0.25)])])
    one, both = (image.imread(tmp_path / name) for name in ("one.png", "all.png"))
    assert both.shape[1] == pytest.approx(3 * one.shape[1], abs=3)
    assert both.shape[0] == pytest.approx(2 * one.shape[0], abs=3)  # below, the curve
    assert one[..., :3].std() > 0.05
    with pytest.raises(UserError, match="nothing to draw; measure with --pieces"):
        picture.draw(tmp_path / "none.png", [{"model": "techno"}])


def run(*arguments):
    return warm.run("evaluate.py", "--control", *arguments)


def test_earlier_results_are_printed_and_drawn(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(measured()))
    (tmp_path / "b.json").write_text(json.dumps(density([(0.15, 0.2), (0.3, 0.25)])))
    done = run(f"--results={tmp_path / 'a.json'},{tmp_path / 'b.json'}", f"--picture={tmp_path / 'x.png'}")
    assert done.returncode == 0, done.stderr
    assert "## techno, 9 steps" in done.stdout and "## piano, 9 steps" in done.stdout
    assert (tmp_path / "x.png").stat().st_size > 1000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The metadata of a bundle of tempo and beat; flags are checked before anything else of it is read."""
    folder = tmp_path_factory.mktemp("model")
    configs = {"autoencoder_config": tiny.AUTOENCODER, "gan_config": tiny.GAN}
    about = {name: dataclasses.asdict(config) for name, config in configs.items()}
    about |= {"latent_size": 12, "window": tiny.GAN.window, "has_critic": False, "autoencoder_id": "0123456789ab"}
    rows = tiny.conditioner().metadata()
    sizes = {"name": "tiny", "format_version": 2, "sample_rate": 44_100, "samples_per_latent": 512}
    (folder / "metadata.json").write_text(json.dumps({**about, **sizes, "conditioning": rows}))
    return folder


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "give one of --bundle, a bundle to measure, or --results"),
        (["--results=no/such.json"], "--results=no/such.json: not a file that --json of this program wrote"),
        (["--bundle=tests"], "--bundle=tests: no bundle"),
        (["--bundle=tests", "--json=no/such/file"], "--json=no/such/file: no such folder"),
        (["--bundle=tests", "--picture=a.jpg"], "--picture=a.jpg: give a name that ends in .png"),
        (["--bundle={}", "--signal=note_density"], "--signal=note_density: the model tiny follows tempo"),
        (["--bundle={}", "--curve"], "--curve: is of note_density, but the model tiny follows tempo"),
        (["--bundle={}", "--settings=90"], "--settings=90: 90 is outside of the range that this model was trained on"),
        (["--bundle={}", "--signal=tags"], "--signal=tags: the model tiny follows tempo"),
        (["--bundle=tests", "--signal=tempo", "--settings=fast"], "--settings=fast: give numbers between commas"),
        (["--bundle={}", "--settings=fast"], "--settings=fast: give numbers between commas"),
        (["--bundle=models/misc", "--settings=rock,polka"], "--settings=polka: the model misc follows techno, rock"),
        (["--bundle=tests", "--pieces=0", "--grid_pieces=0"], "--pieces=0: nothing is left to measure"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(flags, message, model):
    done = run(*(flag.format(model) for flag in flags))
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert message in done.stderr
