"""Musika! in TensorFlow and Keras: fast, endless music generation (Pasini & Schlüter, ISMIR 2022)."""

__version__ = "0.1.0"
