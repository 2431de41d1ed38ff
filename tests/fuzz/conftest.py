"""How much is tried: few examples, always the same, unless `--hypothesis-profile=many` asks for a search."""

import pathlib
import tempfile

from hypothesis import HealthCheck, configuration, settings

COMMON = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

settings.register_profile("few", max_examples=60, derandomize=True, **COMMON)
settings.register_profile("many", max_examples=3000, print_blob=True, **COMMON)
settings.load_profile("few")
# Not in the working directory, which other tests look at.
configuration.set_hypothesis_home_dir(pathlib.Path(tempfile.gettempdir(), "hypothesis"))
