"""Lists models of this package on a hub, and those that are here: musika-tf list --user=NAME

With --downloaded, only those that were downloaded, without a network.
"""

from absl import flags

from musika_tf.errors import UserError, printable

FLAGS = flags.FLAGS
flags.DEFINE_string("user", None, "whose models; default: everybody's, 100 at most")
flags.DEFINE_bool("downloaded", False, "those that are here, with their folders")


def main(_):
    from musika_tf.hub import cache, client, names

    if FLAGS.downloaded:
        rows = [(name, str(folder)) for name, folder in cache.kept()]
    else:
        try:
            found = client.search(FLAGS.user)
        except client.Unreachable as error:
            raise UserError(f"the hub can't be reached ({error}); --downloaded lists what is here") from error
        rows = [(names.SCHEME + model.repository, model.licence, model.updated) for model in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(printable("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()))
    if not rows:
        print("none")
