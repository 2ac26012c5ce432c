"""Processing: recordings to strides, as pure functions on labelled arrays and one lazy Dataset.

`strides` is the product; the filters, `resample`, `normalize` and `filter_emg` are its steps on DataArrays. Modules of
the same name as a function are imported with ``from biomech_xr.process.<module> import ...``.
"""

from biomech_xr.process.chain import Chain, load_chain
from biomech_xr.process.emg import filter_emg
from biomech_xr.process.filters import bandpass, highpass, linear_envelope, lowpass, notch, rectify
from biomech_xr.process.normalize import normalize
from biomech_xr.process.plan import Plan, make_plan
from biomech_xr.process.resample import resample
from biomech_xr.process.strides import ProcessConfig, lazy_dataset, shard_blocks, strides

__all__ = [
    "Chain",
    "Plan",
    "ProcessConfig",
    "bandpass",
    "filter_emg",
    "highpass",
    "lazy_dataset",
    "linear_envelope",
    "load_chain",
    "lowpass",
    "make_plan",
    "normalize",
    "notch",
    "rectify",
    "resample",
    "shard_blocks",
    "strides",
]
