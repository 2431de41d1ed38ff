"""The report, from folders of audio and from a tiny bundle, with networks that hear in no time."""

import contextlib
import hashlib
import html.parser
import json
import os
import re
import shutil

import numpy as np
import pytest
import soundfile
from comments import read_comment

from musika_tf.audio import files
from musika_tf.errors import UserError
from musika_tf.evaluation import embeddings, figures, file_sets, full_report, hearing, pieces, tables, yardsticks
from musika_tf.evaluation.full_report import Order
from musika_tf.frechet import frechet_distance

RATE = 44_100
VOID = {"meta", "br", "img", "link", "input", "hr", "path", "use"}


def listen(chunks, hop_seconds):
    """Levels of the eighths of each second, float32 `[patches, 8]`; as MusiCNN nothing below three seconds."""
    mono = np.concatenate(list(chunks))
    if len(mono) < 3 * 16_000:
        raise ValueError("three seconds at least")
    seconds = mono[: len(mono) // 16_000 * 16_000].reshape(-1, 8, 2_000)
    return np.log(seconds.std(axis=2) + 1e-3).astype(np.float32)


def tags_of(features):
    loud = features.mean(axis=1) > np.log(0.03)
    return np.stack([~loud, loud], axis=1).astype(np.float32)


EARS = hearing.Ears(embeddings.Network("levels-1", listen), tags_of, ("quiet", "loud"))


def write_noise(path, seconds, seed, level=0.1):
    rng = np.random.default_rng(seed)
    swell = 1 + 0.5 * np.sin(np.arange(int(seconds * RATE)) / RATE * rng.uniform(0.5, 3))[:, None]
    waveform = level * swell * rng.standard_normal((int(seconds * RATE), 2))
    soundfile.write(path, np.clip(waveform, -1, 1), RATE)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    """Folders of noise: `generated` (ten good files, a short one, a corrupt one) and `reference` (ten)."""
    base = tmp_path_factory.mktemp("audio")
    for kind, level in (("generated", 0.05), ("reference", 0.1)):
        (base / kind).mkdir()
        for i in range(10):
            write_noise(base / kind / f"{i}.wav", 6, [level > 0.07, i], level)
    write_noise(base / "generated" / "short.wav", 4, 99)
    (base / "generated" / "corrupt.wav").write_bytes(b"RIFF" + bytes(100))
    os.rename(base / "generated" / "9.wav", base / "generated" / "<script>alert(1)<&script>.wav")
    return base


def order(audio, report_dir, **options):
    given = {"generated_dir": str(audio / "generated"), "command": "python evaluate.py <b>"} | options
    return Order(report_dir, str(audio / "reference"), **given)


@pytest.fixture(scope="module")
def written(audio, tmp_path_factory):
    """(folder of a report, what it holds)."""
    folder = tmp_path_factory.mktemp("report")
    return folder, full_report.write(order(audio, folder, training_dir=str(audio / "reference")), EARS)


def by_name(result):
    return {row["name"]: row for row in result["sets"]}


def test_json_is_plain_and_complete(written):
    folder, result = written
    text = (folder / "report.json").read_text()
    assert json.loads(text) == result
    assert "NaN" not in text and str(folder) not in text
    rows = by_name(result)
    found = rows["generated"]["distances"]["levels-1"]
    assert found["songs"] == 10 and found["patches"] == 60
    assert found["frechet"]["estimate"] > 1 and found["frechet"]["low"] < found["frechet"]["high"]
    assert found["kad_between_songs"]["low"] < found["kad_between_songs"]["high"]
    assert found["frechet_infinity"]["distance"] < found["frechet"]["estimate"]
    assert rows["training"]["distances"]["levels-1"]["frechet"]["estimate"] == pytest.approx(0, abs=1e-6)
    assert rows["generated"]["first_tags"] == {"quiet": 10} and rows["reference"]["first_tags"] == {"loud": 10}
    assert rows["generated"]["figures"]["loudness"]["low"] is not None
    assert rows["training"]["tracks"] == []
    assert rows["generated"]["figures"]["seams"]["mean"] == pytest.approx(1, abs=0.1)
    assert result["about"]["seams"]["assumed"] and "windows of the published size" in full_report.text(result)


def test_the_reference_is_measured_half_against_half(written, audio):
    found = by_name(written[1])["reference"]["distances"]["levels-1"]
    songs = [
        listen([files.read(audio / "reference" / f"{i}.wav", sample_rate=16_000).mean(axis=1)], 1) for i in range(10)
    ]
    expected = frechet_distance(np.concatenate(songs[::2]), np.concatenate(songs[1::2]))
    assert found["songs"] == 5 and found["frechet"]["estimate"] == pytest.approx(expected, rel=0.05)
    assert "reference, half against half" in (written[0] / "report.html").read_text()


def test_a_single_track_has_no_halves(audio, tmp_path):
    wanted = Order(tmp_path, str(audio / "reference" / "1.wav"), generated_dir=str(audio / "reference"))
    assert by_name(full_report.write(wanted, EARS))["reference"]["distances"] == {}


def test_files_that_cannot_be_measured_are_named(written):
    _, result = written
    reasons = {row["name"]: row["reason"] for row in result["left_out"]}
    assert set(reasons) == {"short.wav", "corrupt.wav"}
    assert reasons["short.wav"] == "4.0 s is too short to measure, 4.5 s are needed"
    assert len(by_name(result)["generated"]["tracks"]) == 10


def test_every_input_has_its_checksum(written, audio):
    _, result = written
    found = {(row["set"], row["name"]): row["sha256"] for row in result["inputs"]}
    for kind, folder in (("generated", "generated"), ("reference", "reference"), ("training", "reference")):
        for path in (audio / folder).iterdir():
            assert found.pop((kind, path.name)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not found


def test_the_same_inputs_make_the_same_bytes(written, audio, tmp_path):
    folder, _ = written
    moved = tmp_path / "elsewhere"
    shutil.copytree(audio, moved)
    full_report.write(order(moved, tmp_path / "again", training_dir=str(moved / "reference")), EARS)
    for name in ("report.json", "report.html"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


class Reader(html.parser.HTMLParser):
    """Checks that elements nest, and keeps tags and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.values = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.values += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.values += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing(written):
    text = (written[0] / "report.html").read_text()
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open and "script" not in reader.tags
    assert reader.tags.count("audio") == 5 and reader.tags.count("svg") == 2
    for _, name, value in reader.values:
        assert name not in ("src", "href") or value.startswith(("data:audio/ogg;base64,", "#"))
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert "&lt;script&gt;alert(1)&lt;&amp;script&gt;.wav" in text and "evaluate.py &lt;b&gt;" in text
    assert len(text) < 5e6
    assert "color-scheme: light dark" in text and "width=device-width" in text


def test_less_than_ten_songs_have_no_interval(audio, tmp_path):
    (tmp_path / "few").mkdir()
    for i in range(3):
        shutil.copy(audio / "generated" / f"{i}.wav", tmp_path / "few")
    result = full_report.write(order(audio, tmp_path / "report", generated_dir=str(tmp_path / "few")), EARS)
    row = by_name(result)["generated"]
    found = row["distances"]["levels-1"]
    assert found["frechet"]["estimate"] > 0 and found["frechet"]["low"] is None is found["frechet"]["corrected"]
    assert found["kad_between_songs"]["high"] is None
    assert row["figures"]["pulse"]["low"] is None is row["over_time"]["floor"]["low"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Fewer than 10 songs, so no intervals: generated." in page
    assert re.search(r"generated +3 .* - +- ", full_report.text(result))


def test_nothing_left_is_one_line(audio, tmp_path):
    (tmp_path / "bad").mkdir()
    shutil.copy(audio / "generated" / "short.wav", tmp_path / "bad")
    with pytest.raises(UserError, match=r"bad: not one file can be measured \(short\.wav: 4\.0 s is too short"):
        full_report.write(order(audio, tmp_path / "report", generated_dir=str(tmp_path / "bad")), EARS)


@pytest.mark.parametrize("texts", [["note_density"], ["loudness=1"], ["note_density="], ["tags=techno"]])
def test_conditions_that_are_none_are_refused(texts):
    with pytest.raises(UserError, match=f"--condition={texts[0]}: give note_density, tempo or position with values"):
        pieces.conditions(texts)


def test_conditions():
    found = pieces.conditions(["note_density=0.1,random,0.5", "tempo=120,120", "position=plan"])
    names = [condition.name for condition in found]
    assert names == ["note_density=0.1", "note_density=0.5", "tempo=120", "position=plan"]


@pytest.fixture(scope="module")
def made(audio, steerable, tmp_path_factory):
    """A report of a bundle's pieces, two steered sets and the yardsticks."""
    folder = tmp_path_factory.mktemp("made")
    wanted = order(
        audio, folder, generated_dir=None, bundle=str(steerable), n_pieces=2, seconds=5, yardsticks=True,
        conditions=tuple(pieces.conditions(["note_density=0.25", "tempo=120"])),
    )  # fmt: skip
    return folder, wanted, full_report.write(wanted, EARS)


@pytest.mark.long
def test_pieces_follow_the_conditions(made, steerable):
    folder, _, result = made
    assert [row["name"] for row in result["sets"]] == [
        "generated", "note_density=0.25", "tempo=120", "reference",
        yardsticks.SHUFFLED, yardsticks.NOISE, yardsticks.RECONSTRUCTION,
    ]  # fmt: skip
    steered = {
        name: read_comment(folder / "pieces" / name / "seed-2.flac") for name in ("note_density-0.25", "tempo-120", ".")
    }
    assert " note_density=0.25 " in steered["note_density-0.25"] and " bpm=120.0 " in steered["tempo-120"]
    assert " note_density=moving " in steered["."] and "bpm" not in steered["."] and " seed=2 " in steered["."]
    share = result["position_share"]
    assert share is not None and share < 1
    page = (folder / "report.html").read_text()
    assert f"are {tables.number(result['neighbour_distance'])} times as far apart as other spans" in page
    sums = result["about"]["bundle"]["sha256"]
    assert {"metadata.json", "saved_model.pb", "variables/variables.index"} <= set(sums)
    for name, checksum in sums.items():
        assert hashlib.sha256((steerable / name).read_bytes()).hexdigest() == checksum


@pytest.mark.long
def test_an_interrupted_report_goes_on(made, monkeypatch):
    folder, wanted, _ = made
    before = {name: (folder / name).read_bytes() for name in ("report.json", "report.html")}
    kept = folder / "pieces" / "seed-1.flac"
    time = kept.stat().st_mtime_ns
    (folder / "pieces" / "seed-2.flac").unlink()
    shutil.rmtree(folder / "pieces" / "tempo-120")
    for name in before:
        (folder / name).unlink()
    heard = []
    network = embeddings.Network("levels-1", lambda chunks, hop: heard.append(1) or listen(chunks, hop))
    full_report.write(wanted, hearing.Ears(network, tags_of, EARS.tags))
    assert kept.stat().st_mtime_ns == time
    assert not heard  # what was made again has the same bytes, whose embeddings are known
    for name, content in before.items():
        assert (folder / name).read_bytes() == content, name


def test_a_job_is_done_once_and_again_for_another_comment(tmp_path):
    calls = []

    def blocks():
        calls.append(1)
        yield np.zeros([1000, 2], np.float32)

    job = file_sets.Job(tmp_path / "a" / "b.flac", "seed=1", RATE, 1000, blocks)
    for wanted in (job, job, file_sets.Job(job.path, "seed=2", RATE, 1000, blocks)):
        file_sets.make([wanted])
    assert len(calls) == 2 and read_comment(job.path) == "seed=2"
    broken = file_sets.Job(job.path, "seed=3", RATE, 1000, lambda: iter([np.zeros([500, 2]), None]))
    with contextlib.suppress(ValueError, TypeError):
        file_sets.make([broken])
    assert [path.name for path in job.path.parent.iterdir()] == ["b.flac"] and job.path.stat().st_size
    assert read_comment(job.path) == "seed=2"


def test_a_condition_that_the_model_cannot_follow_is_named(audio, folder, tmp_path):
    wanted = order(
        audio, tmp_path / "report", generated_dir=None, bundle=str(folder), n_pieces=1,
        conditions=tuple(pieces.conditions(["note_density=0.25"])),
    )  # fmt: skip
    with pytest.raises(UserError, match=r"^--condition=note_density=0\.25: the model tiny was not trained for that"):
        full_report.write(wanted, EARS)


def test_noise_has_the_spectrum_of_the_reference(tmp_path):
    rng = np.random.default_rng(0)
    white = rng.standard_normal((20 * RATE, 2))
    waveform = 0.1 * (white[2:] + 1.5 * white[1:-1] + white[:-2])
    soundfile.write(tmp_path / "a.wav", waveform, RATE, subtype="FLOAT")
    amplitude = yardsticks.mean_amplitude([tmp_path / "a.wav"])
    made = np.concatenate(list(yardsticks.noise(amplitude, 15 * RATE)))
    assert made.shape == (15 * RATE, 2)
    assert made.std() == pytest.approx(waveform.std(), rel=0.02)
    soundfile.write(tmp_path / "b.wav", made, RATE, subtype="FLOAT")
    again = yardsticks.mean_amplitude([tmp_path / "b.wav"])
    assert np.median(again / amplitude) == pytest.approx(1, abs=0.03)
    assert np.abs(np.corrcoef(made.T)[0, 1]) < 0.02


def test_shuffled_seconds_are_those_of_the_reference(audio, tmp_path):
    reference = file_sets.FileSet.of_folder("reference", audio / "reference" / "3.wav")
    _, (job,) = yardsticks.shuffled_set(tmp_path, reference)
    (made,) = job.blocks()
    original, _ = soundfile.read(audio / "reference" / "3.wav", dtype="float32")
    seconds = [bytes(part) for part in made.reshape(6, RATE, 2)]
    assert seconds != [bytes(part) for part in original.reshape(6, RATE, 2)]
    assert sorted(seconds) == sorted(bytes(part) for part in original.reshape(6, RATE, 2))


def test_figures_over_time_are_drawn():
    bounds = {"mean": 0.5, "low": 0.4, "high": 0.6, "pieces": 10}
    over_time = {"similarity": {"3": bounds, "40": bounds, "80": bounds | {"mean": None}}}
    over_time |= {"shuffled": bounds, "floor": bounds | {"mean": None}}
    rows = [{"name": "a < b", "over_time": over_time}, {"name": "training", "over_time": {}}]
    drawn = figures.coherence(rows)
    assert drawn == figures.coherence(rows) and drawn.startswith('<svg role="img" aria-label="Similarity')
    assert "a &lt; b" in drawn and "currentColor" in drawn and "://" not in drawn
    assert figures.coherence(rows[1:]) is None
