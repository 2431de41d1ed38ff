"""Files encoded by several processes of this machine."""

from musika_tf.encode.job import Outcome
from musika_tf.errors import UserError
from musika_tf.workers import Died


def encode_all(recipe, pool, jobs):
    """Outcomes of jobs that the processes of a workers.Pool share, as they are done; each loads the model by an
    encoder.Recipe. UserError: no worker is left, or one met what stops all: the disk is full."""
    n_done, cause = 0, ""
    for job, outcome in pool.run(recipe.encoder, jobs):
        if isinstance(outcome, Died):
            cause = outcome.cause
            outcome = Outcome(job.row.left_out("failed", f"its worker {cause}; the same command tries it again"))
        n_done += 1
        yield outcome
    if n_done < len(jobs):
        raise UserError(f"the last worker {cause}; {n_done} of {len(jobs)} files are done, the same command goes on")
