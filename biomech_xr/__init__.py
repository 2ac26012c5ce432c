"""Labelled EMG, kinematics and kinetics of human gait: parsed, processed on Dask, streamed into PyTorch."""

__version__ = "0.1.0"
