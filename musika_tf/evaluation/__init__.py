"""The yardsticks: MusiCNN features, Frechet distance, structure in time, baselines and the report."""
