"""Measures what a model generates: pieces made as files, as generate.py and the report make them, like any folder."""

import tempfile

from musika_tf.evaluation import file_sets, report
from musika_tf.evaluation.set_rows import GENERATED


def evaluate_model(source, planned, reference, network, show_progress=False):
    """Makes pieces in a temporary folder and measures them.

    Args:
      source: `pieces.Source`.
      planned: list of Piece, of `source.pieces`.
      reference, network: as of `report.compare_folders`.
      show_progress: whether to draw a line on standard error.

    Returns:
      As `report.compare_folders`, with the figures of `source.window_figures`.
    """
    with tempfile.TemporaryDirectory() as folder:
        jobs = source.jobs(folder, planned)
        file_sets.make(jobs, show_progress)
        made = source.file_set(GENERATED, jobs, planned)
        result = report.compare_folders(made, reference, network, source.decoder)
    return result | source.window_figures(planned)
