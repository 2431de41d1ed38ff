"""Makes every field of the baseline's configs a flag."""

from baselines.unagan.config import UnaganConfig, UnaganTraining
from musika_tf.programs import settings

settings.define(UnaganConfig, "unagan")
settings.define(UnaganTraining, "unagan")
