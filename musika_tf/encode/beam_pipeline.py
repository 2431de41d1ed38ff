"""Files encoded by Apache Beam: on this machine, or by Flink, Spark or Dataflow on many.

Every machine must have musika_tf installed, and see the model, the audio and the latents' folder under the same paths.
What became of each file comes back as lines of JSON in a hidden folder beside the latents.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from musika_tf.collection import scan
from musika_tf.collection.table import Row
from musika_tf.encode.job import Job, Outcome
from musika_tf.errors import UserError

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
except ImportError as error:
    raise UserError(f"--runner: needs Apache Beam ({error}): pip install -e '.[beam]'") from error

_REPORT = ".beam"


@dataclasses.dataclass(frozen=True)
class Run:
    """How Beam runs: its `runner`, its own flags (a list), the latents' folder, and a module-level function (threads)
    that starts TensorFlow on each machine."""

    runner: str
    options: list
    out_dir: str
    prepare: Callable[[int], None]


def encode_all(recipe, run, jobs):
    """Outcomes of jobs, a list of Job, when all are done; by an encoder.Recipe and a Run. UserError: no such runner."""
    recipe = dataclasses.replace(recipe, model=_absolute(recipe.model))
    folder = Path(run.out_dir).absolute() / _REPORT
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped
    jobs = [Job(dataclasses.replace(job.row, path=job.row.path.absolute()), _absolute(job.target)) for job in jobs]
    try:
        pipeline = beam.Pipeline(options=PipelineOptions([f"--runner={run.runner}", *run.options]))
    except ValueError as error:
        raise UserError(f"--runner={run.runner}: {str(error).splitlines()[0]}") from error
    pipeline.options.view_as(SetupOptions).save_main_session = False  # all it needs is installed
    lines = (
        pipeline
        | "files" >> beam.Create(jobs)
        | "anywhere" >> beam.Reshuffle()
        | "encode" >> beam.ParDo(_Encode(recipe, run.prepare))
    )
    _ = lines | "report" >> beam.io.WriteToText(str(folder / "outcomes"), ".json")
    try:
        pipeline.run().wait_until_finish()
        for path in sorted(folder.iterdir()):
            yield from (_outcome(line) for line in path.read_text().splitlines())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Encode(beam.DoFn):
    """Encodes a Job by `encoder.FileEncoder`; yields its Outcome as JSON."""

    def __init__(self, recipe, prepare):
        self._recipe, self._prepare, self._encode = recipe, prepare, None

    def setup(self):
        self._prepare(0)
        self._encode = self._recipe.encoder()

    def process(self, job):
        try:
            outcome = self._encode(job)
        except UserError as error:  # Beam would try again, and then give up the other files too
            outcome = Outcome(scan.refused(job.row, error))
        yield json.dumps(dataclasses.asdict(outcome), default=str)  # a path as text


def _outcome(line):
    fields = json.loads(line)
    row = fields["row"]
    row |= {"path": Path(row["path"]), "flags": tuple(row["flags"]), "notes": tuple(row["notes"])}
    return Outcome(Row(**row), fields["encoded_seconds"], tuple(fields["notes"]))


def _absolute(path):
    return str(Path(path).absolute())
