"""Keras on TensorFlow, in float32 with channels last, whatever a user's environment and keras.json say."""

import os
import sys

from musika_tf.errors import UserError

_BACKEND = "tensorflow"


def use_tensorflow():
    """Chooses the backend, before anything imports Keras; UserError where Keras runs on another one already."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = _BACKEND  # counts more than ~/.keras/keras.json
        return
    import keras

    backend = keras.config.backend()
    if backend != _BACKEND:
        raise UserError(
            f"KERAS_BACKEND={backend}: musika_tf needs {_BACKEND}; unset it and start again, or import musika_tf first"
        )


def set_defaults():
    """What layers are built with; for a process that is all ours."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
