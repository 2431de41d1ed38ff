"""Other codecs beside ours: a process that plays one, the rounds, the ratios, the tables."""

import ast
import json
import os
import sys

import pytest
import warm
from paths import ROOT

from benchmarks import worker
from benchmarks.peers import __main__ as program
from benchmarks.peers import comparison
from musika_tf.errors import UserError

FACTS = {"name": "fake 1.0", "sample_rate": 48_000, "channels": "2", "parameters": 2_500_000}
FAKE = f"""
import json, sys
print('{json.dumps(FACTS)}', flush=True)
for line in sys.stdin:
    if line == "decode\\n":
        sys.exit(3)
    print('no JSON' if line == "product\\n" else '{{"wall": 4.0, "cpu": 2.0}}', flush=True)
"""


def started(code):
    return worker.Worker("fake", [sys.executable, "-c", code], program.FACTS, "leave it out")


@pytest.fixture
def fake():
    peer = started(FAKE)
    yield peer
    peer.close()


def test_a_worker_says_what_it_is_and_what_it_took(fake):
    assert fake.facts == FACTS
    assert fake.take("encode") == (4.0, 2.0) == fake.take("encode")


def test_a_process_serves_tasks_and_what_it_prints_is_no_answer():
    code = """
from benchmarks import worker
file = worker.answers()
print("noise")
worker.serve({"name": "x"}, {"once": lambda: worker.Taken(2.0, 1.0)}, file)
"""
    served = worker.Worker(
        "served", [sys.executable, "-c", code], ("name",), "", {**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert served.facts == {"name": "x"} and served.take("once") == worker.Taken(2.0, 1.0) == served.take("once")
    served.close()


def test_a_worker_that_ends_is_named(fake):
    with pytest.raises(UserError, match="fake: ended with status 3, for the reason above; leave it out"):
        fake.take("decode")


@pytest.mark.parametrize("said", ["no JSON", "[1]", json.dumps({"name": "x"})])
def test_a_worker_that_says_something_else_is_named(said):
    with pytest.raises(UserError, match="fake: answered .* in place of name, sample_rate, channels, parameters"):
        started(f"print({said!r})")


def test_a_python_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"--python=no/python: can't be started .*README.md"):
        program.started("fake", ["no/python", "-m", "benchmarks.peers.networks"])


class Played:
    """A codec with given (wall, cpu), one for each call, that keeps the order of all calls in `log`."""

    def __init__(self, name, log, **times):
        self.facts, self._log = FACTS | {"name": name}, log
        self._times = {what: iter(values) for what, values in times.items()}

    def take(self, what):
        self._log.append(f"{self.facts['name']} {what}")
        return next(self._times[what])


@pytest.fixture
def played():
    """(found, products, peers, ours, log) of two rounds with two peers; ours is measured three times in each."""
    log = []
    wall = (1.0, 3.0, 1.0, 2.0, 2.0, 4.0)
    ours = [Played("ours", log, encode=[(w, w / 2) for w in wall], decode=[(1.0, 1.0)] * 6)]
    product = [(5e9, 1e10), (5e9, 3e10)]
    peers = [
        Played("a", log, encode=[(8.0, 3.0), (6.0, 2.0)], decode=[(2.0, 2.0), (4.0, 4.0)], product=product),
        Played("b", log, encode=[(1.0, 1.0)] * 2, decode=[(1.0, 1.0)] * 2, product=product),
    ]
    own = Played("TensorFlow", log, product=[(1e10, 2e10)] * 6)
    return *comparison.rounds(peers, ours, own, 2), peers, ours, log


def test_ours_are_measured_before_and_after_each_peer(played):
    log = played[-1]
    own = ["TensorFlow product", "ours encode", "ours decode"]
    once = own + [text for name in "ab" for text in (f"{name} product", f"{name} encode", f"{name} decode", *own)]
    assert log == 2 * once


def test_ratios_are_of_a_round(played):
    found, _, peers, ours, _ = played
    rows = {(row["name"], row["what"]): row for row in comparison.rows_of(found, peers, ours, 10.0)}
    assert list(rows) == [(name, what) for name in ("ours", "a", "b") for what in ("encode", "decode")]
    # Of the first round 8 s beside the mean of 1 and 3, of the second 6 s beside that of 2 and 2.
    assert rows["a", "encode"]["faster"]["ours"]["wall"] == [3.5, 3.0, 4.0]
    assert rows["a", "encode"]["faster"]["ours"]["cpu"] == [2.5, 2.0, 3.0]
    assert rows["a", "encode"]["wall"] == [(10 / 8 + 10 / 6) / 2, 10 / 8, 10 / 6]
    assert rows["b", "encode"]["faster"]["ours"]["wall"] == [(1 / 2 + 1 / 3) / 2, 1 / 3, 1 / 2]
    assert rows["ours", "encode"]["wall"][1:] == [2.5, 10.0] and rows["ours", "encode"]["faster"] == {}


def test_tables(played):
    found, products, peers, ours, _ = played
    rows = comparison.rows_of(found, peers, ours, 10.0)
    facts = comparison.facts_table(rows).splitlines()
    assert facts[2:] == [f"| {name} | 48,000 Hz | 2 | 2.5 |" for name in ("ours", "a", "b")]
    speeds = comparison.speed_table(rows).splitlines()
    assert {line.count("|") for line in speeds} == {8}
    assert speeds[3] == "| ours | decode | 10 s | 10 (10 to 10) | 10 (10 to 10) |  |  |"
    assert speeds[4].startswith("| a | encode | 10 s | 4.2 (3.3 to 5.0) | 1.5 (1.2 to 1.7) | 2.5 (2.0 to 3.0) |")
    assert comparison.products_text(products).endswith("TensorFlow 20 (20 to 20), PyTorch 20 (10 to 30)")


def test_numbers_have_two_digits_below_a_hundred():
    assert [comparison._number(value) for value in (0.1234, 1.26, 12.6, 99.7, 1234.5)] == [
        "0.12", "1.3", "13", "100", "1234",
    ]  # fmt: skip


def test_command_lines_name_every_peer():
    lines = program.commands("python", program.NAMES, 30.0, 1)
    assert lines["rave"] == ["python", "-m", "benchmarks.peers.networks", "rave", "30.0", "1"]
    tree = ast.parse((ROOT / "benchmarks/peers/networks.py").read_text())  # PyTorch, which it imports, is not here
    dictionary = next(node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "PEERS")
    assert {key.value for key in dictionary.value.keys} == set(program.NAMES)
    with pytest.raises(UserError, match="--peers: no 'opus'; there are encodec, rave, dac, music2latent"):
        program.commands("python", ["rave", "opus"], 30.0, 1)


@pytest.mark.slow
def test_the_program_writes_its_rows(tmp_path):
    python, path = tmp_path / "python", tmp_path / "rows.json"
    fake = FAKE.replace("'no JSON' if", '\'{"wall": 1e9, "cpu": 1e9}\' if').replace("sys.exit(3)", "pass")
    python.write_text(f"#!{sys.executable}\n{fake}")
    python.chmod(0o755)
    options = ["--length=1", "--runs=1", "--threads=1", "--peers=rave", f"--python={python}", f"--json={path}"]
    done = warm.run("-m", "benchmarks.peers", *options)
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    assert [row["name"] for row in rows] == 2 * ["models/music-ae"] + 2 * ["reference size"] + 2 * ["fake 1.0"]
    assert all(set(row["faster"]) == {"models/music-ae", "reference size"} for row in rows[4:])
    assert done.stdout.count("| fake 1.0 |") == 3


def test_an_environment_that_is_not_there_is_named_at_once():
    done = warm.run("-m", "benchmarks.peers", "--python=no/python", "--threads=1")
    assert (
        done.returncode == 2 and done.stderr.count("\n") == 1 and "--python=no/python: can't be started" in done.stderr
    )
