"""The yardsticks: distances between sets of songs, structure in time, pitch, stereo, baselines, control, the report."""
