"""The published code beside ours: what is refused, what the processes find, the ratios, the table; both sides tiny."""

import json
import os

import pytest
import warm
from absl.testing import flagsaver
from paths import ROOT

from benchmarks import worker
from benchmarks.published import __main__ as program
from benchmarks.published import theirs
from benchmarks.published.task import Task
from benchmarks.worker import Taken
from musika_tf.errors import UserError

TASK = Task("encode", n_pieces=2, batch_size=8, threads=1)


class Played:
    """A process with given Takens, that keeps the order of all calls in `log`."""

    def __init__(self, name, log, times):
        self.facts = {"name": name, "parameters": 8_800_000, "machine": "a processor"}
        self._log, self._times = log, iter(times)

    def take(self, what):
        self._log.append(f"{self.facts['name']} {what}")
        return next(self._times)

    def close(self):
        self._log.append(f"{self.facts['name']} ends")


@pytest.fixture
def played():
    """(ours, others, log) for two rounds."""
    log = []
    ours = Played("ours", log, [Taken(1.0, cpu) for cpu in (1.0, 3.0, 1.0, 2.0, 2.0, 4.0)])
    plain = Played("published", log, [Taken(8.0, 4.0), Taken(6.0, 6.0)])
    return ours, [plain, Played("published, with XLA", log, [Taken(2.0, 2.0), Taken(2.0, 3.0)])], log


@pytest.fixture
def checkout(tmp_path):
    for name in theirs.FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "site/tf_keras").mkdir(parents=True)
    return tmp_path


def test_a_task_survives_a_command_line():
    assert Task.read([str(part) for part in TASK]) == TASK
    assert TASK.label == "encode 47.6 s" and TASK._replace(what="step").label == "GAN step, batch 8"


def test_ratios_are_of_a_round(played):
    ours, others, log = played
    plain, xla = program.rows_of(TASK, "preset", ours, others, 2)
    once = ["ours encode", "published encode", "ours encode", "published, with XLA encode", "ours encode"]
    assert log == 2 * once
    # Of the first round 4 s beside the mean of 1 and 3, of the second 6 s beside that of 2 and 2.
    assert plain["times_as_fast"] == {"cpu": [2.5, 2.0, 3.0], "wall": [7.0, 6.0, 8.0]}
    assert plain["theirs"] == [5.0, 4.0, 6.0] and plain["ours"] == [2.0, 1.0, 3.0]
    assert xla["beside"] == "published, with XLA" and xla["times_as_fast"]["cpu"] == [1.0, 1.0, 1.0]


def test_table(played):
    ours, others, _ = played
    lines = program.table(program.rows_of(TASK, "preset", ours, others, 2)).splitlines()
    assert {line.count("|") for line in lines} == {9}
    row = "5.00 (4.00 to 6.00) | 2.00 (1.00 to 3.00) | 2.50 (2.00 to 3.00) | 7.00 (6.00 to 8.00)"
    assert lines[2] == f"| encode 47.6 s | flags/reference.flags | published | 8.8, 8.8 | {row} |"


def test_a_checkout_is_refused_by_what_it_lacks(checkout):
    program.check(checkout, checkout / "site", what=["encode"], ways=["plain"])
    (checkout / "train.py").unlink()
    with pytest.raises(UserError, match=f"--checkout={checkout}: no train.py there; name one .*README.md"):
        program.check(checkout, checkout / "site", what=["encode"], ways=["plain"])


def test_what_nobody_knows_is_refused(checkout):
    with pytest.raises(UserError, match="--what: no 'sing'; there are generate, encode, step"):
        program.check(checkout, checkout / "site", what=["sing"])
    with pytest.raises(UserError, match="--ways: no 'jit'; there are plain, xla"):
        program.check(checkout, checkout / "site", ways=["plain", "jit"])
    with pytest.raises(UserError, match="--ours: no 'small'; there are published, preset, bfloat16"):
        program.check(checkout, checkout / "site", ours=["published", "small"])


def test_what_ours_does_not_run_is_refused():
    assert program.chosen(["step", "generate"], ["bfloat16", "published"], None) == [
        ("step", "published"),
        ("generate", "published"),
        ("generate", "bfloat16"),
    ]
    with pytest.raises(UserError, match="--ours=preset: nothing of it with --what=step; give published"):
        program.chosen(["step"], ["preset"], None)
    with pytest.raises(UserError, match="--ours=bfloat16: nothing"):
        program.chosen(["generate"], ["bfloat16"], "this processor has neither")


def test_an_environment_without_keras_2_is_refused(checkout, monkeypatch):
    advice = r"pip install --no-deps --target=DIR tf-keras==\d+\.\d+\.\*, and give --site=DIR"
    with pytest.raises(UserError, match=f"--site={checkout}: no tf_keras; {advice}"):
        program.check(checkout, checkout)
    monkeypatch.setattr(program.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=f"--site is missing: {advice}"):
        program.check(checkout, None)


def test_a_checkout_that_is_not_there_is_named_at_once():
    done = warm.run("-m", "benchmarks.published", "--checkout=no/musika")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--checkout=no/musika: no models.py there" in done.stderr


@pytest.mark.parametrize(
    "given, theirs_, ours, training",
    [
        ({}, None, None, None),
        ({"ONEDNN_MAX_CPU_ISA": "avx2"}, "0", "0", None),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, None, None, None),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "1"}, "1", "1", "1"),
    ],
)
def test_each_finds_the_defaults_of_its_processor(monkeypatch, given, theirs_, ours, training):
    for name in ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = [program.environment("site"), program.environment(), program.environment(training=True)]
    assert [one.get("TF_ENABLE_ONEDNN_OPTS") for one in found] == [theirs_, ours, training]


def test_the_published_code_gets_keras_2(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "mine")
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    found = program.environment("site")
    assert found["TF_USE_LEGACY_KERAS"] == "1" and found["PYTHONPATH"] == os.pathsep.join(["site", "mine"])
    assert "TF_USE_LEGACY_KERAS" not in program.environment()


@pytest.mark.parametrize("cap, n_ways", [("", 2), ("AVX2", 1)])
def test_the_program_leaves_out_what_older_processors_lack(monkeypatch, tmp_path, capsys, checkout, cap, n_ways):
    log, path, begun = [], tmp_path / "rows.json", []

    def started(task, networks, ways, checkout, site, stack):
        begun.append((task.what, networks, list(ways)))
        found = [Played(theirs.WAYS[way], log, [Taken(4.0, 2.0)]) for way in ways]
        return Played("ours", log, [Taken(2.0, 1.0)] * 3), found

    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    monkeypatch.setattr(program.processor, "lacks_bfloat16", lambda: cap and "hidden")
    monkeypatch.setattr(program, "started", started)
    options = [f"--checkout={checkout}", f"--site={checkout}/site", "--runs=1", "--threads=1", f"--json={path}"]
    with flagsaver.flagsaver():
        program.FLAGS(["published", *options])
        program.main(None)
    half = [("generate", "bfloat16", ["plain"])] if n_ways == 2 else []
    generate, encode = (
        [(what, networks, ["plain"]) for networks in ("published", "preset")] for what in ("generate", "encode")
    )
    assert begun == [*generate, *half, *encode, ("step", "published", ["plain", "xla"][:n_ways])]
    content = json.loads(path.read_text())
    assert content["machine"] == "a processor" and len(content["rows"]) == len(begun) + n_ways - 1
    said = capsys.readouterr().out
    assert ("Without XLA" in said) == ("Without bfloat16: hidden." in said) == (n_ways == 1)


MODULES = {
    "parse/parse_train.py": """
import argparse
def parse_args():
    parser = argparse.ArgumentParser()
    for name in ("bs", "xla", "cpu"):
        parser.add_argument(f"--{name}")
    found = parser.parse_args()
    found.bs, found.xla = int(found.bs), found.xla == "True"
    found.hop, found.lr, found.latlen, found.latdepth = 256, 1e-4, 4, 1
    return found
""",
    "models.py": """
import tensorflow as tf
from huggingface_hub import hf_hub_download
class Models_functions:
    def __init__(self, args):
        pass
    def initialize_networks(self):
        tf.keras.Sequential().load_weights("no such file")
        print("Networks initialized")
        return (*(Network() for _ in range(7)), [None, None], None)
class Network:  # whose variables are those of Keras 2
    def __init__(self):
        self.trainable_variables = [tf.Variable([0.0, 0.0])]
    def count_params(self):
        return 2
""",
    "utils.py": """
import gradio as gr
import matplotlib.pyplot as plt
import numpy as np
class Utils_functions:
    def __init__(self, args):
        pass
    def get_noise_interp_multi(self, fac, var):
        return np.zeros([fac, 256])
    def generate_waveform(self, inp, gen_ema, dec, dec2, batch_size):
        return np.zeros([inp.size * 4096 - 256, 2])
""",
    "utils_encode.py": """
import numpy as np
from pydub import AudioSegment
class UtilsEncode_functions:
    def __init__(self, args):
        self.args = args
    def compress_whole_files(self, networks):
        for audio, name in self.audio_generator():
            np.save(f"{self.args.save_path}/{name}.npy", np.zeros([len(audio) // 4096, 2]))
""",
    "train.py": """
import tensorboard
import tensorflow as tf
class Train_functions:
    def __init__(self, args):
        self.args = args
    def update_lr(self, lr, opts):
        assert lr == self.args.lr and len(opts) == 2
    def train_all(self, a, ema, g_train, disc_train, models_ls):
        assert a.shape == [self.args.bs, 4, 2]
        ema.apply(models_ls[1].trainable_variables)
        return tf.reduce_sum(a), tf.constant(0.0)
""",
}


@pytest.mark.long
@pytest.mark.parametrize("what, parameters", [("generate", 6), ("encode", 4), ("step", 4)])
def test_a_checkout_is_called(tmp_path, what, parameters):
    (tmp_path / "parse").mkdir()
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text)
    line = warm.command("-m", "benchmarks.published.theirs", tmp_path, "plain", *Task(what, 1, 2, 1))
    process = worker.Worker("theirs", line, program.FACTS, "", {**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.facts == {"name": "published", "parameters": parameters}
    assert process.take(what).wall > 0.0
    process.close()
