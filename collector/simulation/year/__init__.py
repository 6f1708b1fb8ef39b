"""A year of a fleet with ground truth: drawn from a seed, judged without a database, and scored."""
