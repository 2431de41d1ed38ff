"""Processes that share work; how one of them dies is tested where they serve, in tests/generate and tests/encode."""

import mortal
import pytest

from musika_tf import workers


@pytest.mark.parametrize("n_workers", [2, 3])
def test_more_workers_than_cores_are_told_so(n_workers, monkeypatch, capsys):
    monkeypatch.setattr(workers, "_cores", lambda: 2)
    results = dict(workers.Pool(n_workers, mortal.unprepared).run(mortal.doubling, [1, 2, 3]))
    assert results == {1: 2, 2: 4, 3: 6}
    told = "--workers=3: this process may use 2 cores, and so many are faster\n"
    assert capsys.readouterr().err == (told if n_workers == 3 else "")
