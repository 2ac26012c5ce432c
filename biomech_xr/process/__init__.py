"""Processing: recordings to strides, as pure functions on labelled arrays and one lazy Dataset.

`strides` is the product; the filters and the other steps (`bandpass` to `to_phase`) work on DataArrays, and
`filter_emg` runs a whole chain. Modules of the same name as a function are imported with
``from biomech_xr.process.<module> import ...``.
"""

from biomech_xr.process.chain import Chain, load_chain
from biomech_xr.process.differentiate import differentiate
from biomech_xr.process.emg import filter_emg
from biomech_xr.process.filters import bandpass, highpass, linear_envelope, lowpass, notch, rectify
from biomech_xr.process.normalize import denormalize, normalize, stride_reference
from biomech_xr.process.phase import to_phase
from biomech_xr.process.plan import Plan, make_plan
from biomech_xr.process.resample import resample
from biomech_xr.process.serving import serves
from biomech_xr.process.steps import interpolate_gaps, remove_mean, rms_envelope, tkeo, wavelet_denoise
from biomech_xr.process.strides import ProcessConfig, lazy_dataset, shard_blocks, strides

__all__ = [
    "Chain",
    "Plan",
    "ProcessConfig",
    "bandpass",
    "denormalize",
    "differentiate",
    "filter_emg",
    "highpass",
    "interpolate_gaps",
    "lazy_dataset",
    "linear_envelope",
    "load_chain",
    "lowpass",
    "make_plan",
    "normalize",
    "notch",
    "rectify",
    "remove_mean",
    "resample",
    "rms_envelope",
    "serves",
    "shard_blocks",
    "stride_reference",
    "strides",
    "tkeo",
    "to_phase",
    "wavelet_denoise",
]
