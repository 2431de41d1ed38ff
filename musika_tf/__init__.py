"""Musika! in TensorFlow and Keras: fast, endless music generation (Pasini & Schlüter, ISMIR 2022).

import musika_tf

model = musika_tf.load()
music = model.generate(seed=7, seconds=10, bpm=128)  # float32 [441000, 2]
"""

__version__ = "0.1.0"
__all__ = ["Model", "UserError", "load"]


def __getattr__(name):
    """Imports what is asked for: TensorFlow takes seconds, `import musika_tf` none."""
    if name == "UserError":
        from musika_tf.errors import UserError

        return UserError
    if name in ("Model", "load"):
        from musika_tf.native import import_tensorflow

        import_tensorflow()
        from musika_tf import facade

        return getattr(facade, name)
    raise AttributeError(f"module 'musika_tf' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
