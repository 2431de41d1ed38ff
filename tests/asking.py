"""What generate.py is asked for, as its flags would say it."""

from fractions import Fraction

from musika_tf.generate.request import Request


def ask(folder="models/none", seed=7, seconds=Fraction(1), **options):
    names = {"tempo", "note_density", "position", "tags"} & set(options)
    settings = {name: options.pop(name) for name in names}
    return Request(shipped=str(folder), bundle_dir=None, seed=seed, seconds=seconds, settings=settings, **options)
