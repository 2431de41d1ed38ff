"""What programs and workers import that takes seconds; nothing of it starts threads of TensorFlow or defines flags."""

from musika_tf.native import import_tensorflow

import_tensorflow()

import musika_tf.generate.production  # noqa: E402, F401
import musika_tf.train.phases  # noqa: E402, F401
