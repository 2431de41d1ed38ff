"""The yardsticks: structure in time, pitch, stereo, baselines, control, and the report."""
