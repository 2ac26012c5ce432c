"""Processing: recordings to strides, as pure functions on labelled arrays and one lazy Dataset.

`strides` is the product; the filters and the other steps (`bandpass` to `to_phase`) work on DataArrays, and
`filter_emg` runs a whole chain. Below: `chains` (what a YAML file asks for), `engine` (stages over whole signals,
compiled), `steps` (functions on DataArrays), `trials` (all strides of a trial); here the plan, its tasks, their graph.
"""

from biomech_xr.process.chains.chain import Chain, load_chain
from biomech_xr.process.plan import Plan, make_plan
from biomech_xr.process.serving import serves
from biomech_xr.process.steps.conditioning import interpolate_gaps, remove_mean, rms_envelope, tkeo, wavelet_denoise
from biomech_xr.process.steps.differentiate import differentiate
from biomech_xr.process.steps.filters import bandpass, highpass, linear_envelope, lowpass, notch, rectify
from biomech_xr.process.steps.normalize import denormalize, normalize, stride_reference
from biomech_xr.process.steps.phase import to_phase
from biomech_xr.process.steps.resample import resample
from biomech_xr.process.strides import ProcessConfig, lazy_dataset, shard_blocks, strides
from biomech_xr.process.trials.emg import filter_emg

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
