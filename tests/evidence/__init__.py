"""Tests of the detectors: every planted sign, unit, axis, side and state, on clean, noisy and pathological strides."""
