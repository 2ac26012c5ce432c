"""Strides of a store streamed into PyTorch; the only part of the library that imports torch."""

from biomech_xr.load.device_windows import DeviceWindows
from biomech_xr.load.inputs.augment import AmplitudeScale, ChannelDropout, Noise, TimeJitter
from biomech_xr.load.ranks import LoaderProcessError
from biomech_xr.load.stride_windows import StrideWindows

__all__ = [
    "AmplitudeScale",
    "ChannelDropout",
    "DeviceWindows",
    "LoaderProcessError",
    "Noise",
    "StrideWindows",
    "TimeJitter",
]
