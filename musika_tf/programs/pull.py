"""Downloads a model of a hub to a folder: musika-tf pull --repo=hf://user/name --trust --bundle_dir=bundles/name

Checkpoints of the published implementation become bundles on the way: --repo=hf://marcop/musika_techno. Any program
takes hf://user/name in place of a bundle's folder, too.
"""

from absl import flags

from musika_tf.programs import cli, hub_flags  # noqa: F401 (it defines --repo)

FLAGS = flags.FLAGS
for name in ("bundle_dir", "repo", "trust"):
    flags.declare_key_flag(name)  # so that --help shows it


def main(_):
    from musika_tf.hub import fetch, names

    name = names.parse(cli.require("repo"))
    target = cli.require("bundle_dir")
    fetch.pull(str(name), target, FLAGS.trust, cli.start_tensorflow)
    print(f"{target}: {name}")
