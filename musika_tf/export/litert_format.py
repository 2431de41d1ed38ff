"""A network as LiteRT, the format that was called TensorFlow Lite, by TensorFlow's own converter."""

import tempfile

import tensorflow as tf

from musika_tf.native import silent_stderr

SUFFIX = ".tflite"


def check():
    """The converter comes with TensorFlow."""


def convert(network):
    """The bytes of a Network's file. Its one signature, `serving_default`, names inputs and outputs."""
    module = tf.Module()
    module.stored = list(network.function.get_concrete_function().variables)  # a SavedModel's must belong to it
    with tempfile.TemporaryDirectory(prefix="musika-") as folder, silent_stderr():  # native code reports each step
        tf.saved_model.save(module, folder, signatures=network.function)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
