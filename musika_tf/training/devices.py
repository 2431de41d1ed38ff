"""One batch, many devices: the same training whether one device takes a batch or several share it.

| word | meaning |
|---|---|
| batch | what one step learns from: the batch size of the configs, on however many devices |
| replica | one device's copy of the networks; all hold the same weights all the time |
| share | the rows of the batch that one replica takes; all are equally many |
| worker | one process; it drives all devices that it sees, by default every GPU of a machine |
| chief | the worker that writes checkpoints, previews, summaries and bundles: worker 0 |

Every replica draws the random numbers of the whole batch and keeps the rows of its share, so that a step does not
depend on how many share it. Gradients, scores and all else that is a mean over the batch are reduced where they are
made (`mean`); from then on each replica updates its own copy of every variable with the same numbers::

    batch --- share 0 --- gradients 0 ---+          +--- Adam, average, R1's switch on replica 0
          \\-- share 1 --- gradients 1 ---+-- mean --+--- the same on replica 1

With XLA the normal distribution is another function of the same random bits, so that its noise is other noise.

Keras stays out of it: its optimisers would sum the gradients again, after clipping each replica's by itself, and its
variables would be averaged at every write.
"""

import contextlib
import logging
import re
import signal

import tensorflow as tf

from musika_tf import convolution, interruption
from musika_tf.errors import UserError
from musika_tf.native import silent_stderr
from musika_tf.training import cluster

logger = logging.getLogger(__name__)

STRATEGIES = ("none", "mirrored", "multi_worker")
LOST_WORKER_SECONDS = 600  # a collective that takes longer has lost a worker; the chief saves while the others wait


class Devices:
    """What a training runs on: a MirroredStrategy or MultiWorkerMirroredStrategy, or one device, perhaps with XLA."""

    def __init__(self, strategy=None, xla=False):
        self.strategy, self.xla = strategy, xla
        self.n = 1 if strategy is None else strategy.num_replicas_in_sync
        resolver = None if strategy is None else strategy.cluster_resolver
        workers = resolver.cluster_spec().as_dict() if resolver else {}
        self.n_workers = sum(map(len, workers.values())) or 1
        self.worker = int(resolver.task_id) if self.n_workers > 1 else 0
        self.is_chief = self.worker == 0
        if self.n_workers > 1:
            self._any = self.function(self._any_replica, split=False)

    @property
    def part(self):
        """(this worker, workers): the contiguous part of every batch that this worker's data is."""
        return self.worker, self.n_workers

    def check_batch(self, batch_size, flag):
        """Refuses a batch size that the replicas can't share equally."""
        if batch_size % self.n:
            nearest = max(batch_size // self.n, 1) * self.n
            raise UserError(
                f"--{flag}={batch_size}: is shared equally by {self.n} replicas; give a multiple, such as {nearest}"
            )

    @contextlib.contextmanager
    def scope(self):
        """Where networks and trainers are to be made: their variables get a copy on each device."""
        if self.strategy is None:
            yield
            return
        with self.strategy.scope(), tf.variable_creator_scope(_updated_by_each_replica):
            yield

    def function(self, step, split=True):
        """A tf.function of `step`, run on every replica with its share of this worker's tensors, or all if not `split`.

        The step is a function of tensors, batch first, to a structure of tensors that is the same on every replica.
        """
        step = _by_products(step)
        if self.strategy is None:
            return _with_xla(step) if self.xla else tf.function(step, autograph=False)
        n_local = self.n // self.n_workers

        def of_share(*tensors):
            local = self._replica() % n_local
            return step(*[tf.split(x, n_local)[local] for x in tensors] if split else tensors)

        def run(*tensors):
            results = self.strategy.run(of_share, args=tensors)
            return tf.nest.map_structure(lambda x: self.strategy.experimental_local_results(x)[0], results)

        return tf.function(run, autograph=False)

    def share(self, tensor):
        """Within a step: this replica's share of what was drawn for the whole batch."""
        return tensor if self.n == 1 else tf.split(tensor, self.n)[self._replica()]

    def mean(self, tensors):
        """Within a step: means over the replicas of a structure of tensors."""
        if self.n == 1:
            return tensors
        flat = tf.nest.flatten(tensors)
        reduced = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, flat)
        return tf.nest.pack_sequence_as(tensors, reduced)

    def any(self, condition):
        """Whether `condition` holds on any worker; all have to ask."""
        if self.n_workers == 1:
            return condition
        with watched(self):
            return bool(self._any(tf.constant(float(condition))) > 0)

    def barrier(self):
        """Waits for all workers."""
        self.any(False)

    def chief_first(self, act):
        """Calls `act` on the chief alone while the others wait."""
        if self.is_chief:
            act()
        self.barrier()

    @staticmethod
    def _any_replica(x):
        # The copy has a device, which the reduction asks for; an argument has none.
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(x))

    def _replica(self):
        return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


ONE = Devices()


def create(strategy="none", xla=False):
    """The Devices that the flags ask for; before TensorFlow has run anything.

    Of STRATEGIES `multi_worker` reads TF_CONFIG; several devices do without `xla`, which compiles the steps.

    Raises:
      UserError: TF_CONFIG is missing or describes no cluster, or a worker of it does not start.
    """
    if strategy != "none" and xla:
        logger.warning("--xla: not with --strategy=%s; the steps run without it", strategy)
    if strategy == "none":
        return Devices(xla=xla)
    if strategy == "mirrored":
        with silent_stderr():
            gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
            cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
            return Devices(tf.distribute.MirroredStrategy(gpus or cpus))
    cluster.wait_for_peers(cluster.read())
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=LOST_WORKER_SECONDS)
    # Native code that would hear a signal only when it is done: it ends the process at once.
    with interruption.handled_by(signal.SIG_DFL), silent_stderr():
        return Devices(tf.distribute.MultiWorkerMirroredStrategy(communication_options=options))


@contextlib.contextmanager
def watched(devices):
    """While entered, the loss of another worker becomes a UserError."""
    try:
        yield
    except _LOST as error:
        if devices.n_workers == 1:
            raise
        found = re.search(r"aborted by: (.*)", error.message)
        raise UserError(
            f"worker {devices.worker}: lost another worker ({found[1] if found else type(error).__name__}); "
            "start all of them again with the same command: they go on from the newest checkpoint"
        ) from error


_LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
)


def _updated_by_each_replica(create, **kwargs):
    """Makes variables that a step on a replica reads and writes in its own copy, with no word to the others."""
    return create(**{**kwargs, "aggregation": tf.VariableAggregation.NONE})


def _by_products(step):
    """The step with convolutions by `convolution.by_products`; on GPUs as it is, because their library is fast."""

    def in_products(*tensors):
        with convolution.by_products():
            return step(*tensors)

    return step if tf.config.list_physical_devices("GPU") else in_products


def _with_xla(step):
    """A tf.function of `step` compiled with XLA; where it lacks an operation, the plain one, with a warning."""
    plain = tf.function(step, autograph=False)
    chosen = [tf.function(step, autograph=False, jit_compile=True)]

    def call(*tensors):
        if chosen[0] is plain:
            return plain(*tensors)
        try:
            return chosen[0](*tensors)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError) as error:
            # XLA compiles before it runs: nothing has changed yet.
            logger.warning("--xla: the step runs without it (%s)", error.message.splitlines()[0][:200])
            chosen[0] = plain
            return plain(*tensors)

    return call
