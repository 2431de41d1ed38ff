"""What `musika-tf export` refuses. What it writes is the fixture `exported_steerable`, tested in tests/export/."""

import pytest
import tiny
import warm


def run(*arguments, cwd=tiny.ROOT):
    return warm.run("-c", warm.MUSIKA_TF, "export", *arguments, cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--export_dir=new"], "--format is missing"),
        (["--format=onnx"], "--export_dir is missing"),
        (["--format=onnx", "--export_dir=docs"], "--export_dir=docs: exists"),
        (["--format=litert", "--export_dir=new", "--bundle_dir=nowhere"], "--bundle_dir=nowhere: no bundle"),
    ],
)
def test_what_it_can_not_do_is_one_line(arguments, problem):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr.startswith(f"musika-tf export: {problem}")
    assert done.stderr.count("\n") == 1
