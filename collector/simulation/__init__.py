"""A fleet of practices with known faults: a pure generator, and a driver that speaks HTTP."""
