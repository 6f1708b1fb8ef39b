"""Figures, as ratios within one run: `make bench` writes `build/bench.json`. Nothing here is a test."""
