"""Shows a page that makes music, with a radio without end: python app.py

Models:       python app.py --models=models/techno,checkpoints/mine/bundle,hf://user/name --trust
For others:   python app.py --host=0.0.0.0 --port=8000 --longest=5m
"""

import os
import webbrowser

from absl import flags

from musika_tf import durations
from musika_tf.programs import cli
from musika_tf.web import serve
from musika_tf.web.limits import Limits

FLAGS = flags.FLAGS
for name in ("threads", "trust"):
    flags.declare_key_flag(name)  # so that --help shows it
_LIMITS = Limits()
flags.DEFINE_list(
    "models",
    None,
    "bundles that visitors may choose, between commas, the first by default: folders, shipped ones, hf://user/name; "
    "default: your own of --checkpoint_dir, and those that ship",
)
flags.DEFINE_string("host", "127.0.0.1", "address to listen on; 0.0.0.0: of every network")
flags.DEFINE_integer("port", 7860, "port to listen on; 0: any that is free", 0, 65535)
flags.DEFINE_bool("open", False, "open the page in a browser")
flags.DEFINE_string("longest", durations.spoken(_LIMITS.longest_seconds), "longest piece that is made")
flags.DEFINE_integer("streams", _LIMITS.streams, "pieces, files and radios that may be open at once", 1)
flags.DEFINE_integer("renderers", _LIMITS.renderers, "pieces that are rendered at once", 1)
flags.DEFINE_integer("kept_mb", _LIMITS.kept_bytes // 2**20, "megabytes of samples to keep for those who ask again", 0)


def limits():
    """The flags as Limits."""
    return Limits(
        longest_seconds=int(durations.parse(FLAGS.longest, "longest")) or 1,
        streams=FLAGS.streams,
        waiting=FLAGS.streams,
        renderers=FLAGS.renderers,
        kept_bytes=FLAGS.kept_mb * 2**20,
    )


def main(_):
    bounds = limits()
    serve.check_installed()
    cli.start_rendering()
    from musika_tf.web import catalogue

    bundles = FLAGS.models or catalogue.default_bundles(os.path.join(FLAGS.checkpoint_dir, "bundle"))
    app = serve.create(catalogue.Catalogue(bundles, FLAGS.trust, cli.start_tensorflow), bounds)
    serve.run(app, FLAGS.host, FLAGS.port, _announce)


def _announce(host, port):
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"{address}: the page; Ctrl-C ends it", flush=True)
    if FLAGS.open:
        webbrowser.open(address)
