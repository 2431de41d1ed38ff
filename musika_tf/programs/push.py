"""Shares a bundle on a hub: musika-tf push --bundle_dir=checkpoints/mine/bundle --repo=hf://user/name

With a card, a licence notice and --samples pieces of 20 s to listen to. The token is that of huggingface_hub: HF_TOKEN,
or what `hf auth login` stored.
"""

from absl import flags

from musika_tf.errors import UserError
from musika_tf.programs import cli, hub_flags  # noqa: F401 (it defines --repo)

FLAGS = flags.FLAGS
for name in ("bundle_dir", "repo", "licence"):
    flags.declare_key_flag(name)  # so that --help shows it
flags.DEFINE_bool("private", False, "make a new repository that only you see")
flags.DEFINE_integer("samples", 3, "pieces of 20 s to render and share beside the model", 0, 100)


def main(_):
    cli.require("bundle_dir")
    from musika_tf.hub import names, push

    if names.is_hub_name(FLAGS.bundle_dir):
        raise UserError(f"--bundle_dir={FLAGS.bundle_dir}: is on a hub already; name a folder")
    cli.resolve("bundle_dir")

    name = names.parse(cli.require("repo"))
    push.check(FLAGS.bundle_dir, name, FLAGS.licence)
    if FLAGS.samples:
        cli.start_tensorflow()
    commit = push.push(FLAGS.bundle_dir, name, FLAGS.licence, FLAGS.samples, FLAGS.private)
    print(f"{name}: there as commit {commit}")
