"""The filters against those of MNE-Python, value for value, on a made trial and on the real SIAT recording.

MNE-Python lives in the environment of the peers (`make peers`, or the folder in ``BIOMECH_XR_PEERS``). Given the same
Butterworth design it filters forward and backward as we do, but pads otherwise (odd, not even), so values are compared
further than two seconds from the ends, by when the padding has died away.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from tests.benchmarks.processing_peers import peers_python
from tests.process.patients import raw_emg
from tests.process.test_reference import off, recording

ENDS = 2.0
"""Seconds at either end that are not compared: of the 6 Hz low-pass less than 1e-12 is left of the padding by then."""

TOLERANCE = 5e-7
"""Rms of the difference in standard deviations: our products are float32, which rounds by up to 6e-8 of a value. So the
mean of each channel is taken off first: of an offset many times the deviation, the rounding would be seen."""

CASES: dict[str, tuple[tuple[float | None, float | None, int], Callable[[xr.DataArray], xr.DataArray]]] = {
    "band-pass": ((20, 450, 4), lambda emg: process.bandpass(emg, low=20, high=450, order=4)),
    "reference band": ((15, 400, 7), lambda emg: process.bandpass(emg, low=15, high=400, order=7)),
    "high-pass": ((20, None, 4), lambda emg: process.highpass(emg, cutoff=20, order=4)),
    "low-pass": ((None, 6, 2), lambda emg: process.lowpass(emg, cutoff=6, order=2)),
}

THEIRS = """
import sys, json
import numpy as np
try:
    import mne
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    raise SystemExit
folder, rate, cases = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
data = np.load(f"{folder}/trial.npy")
for name, (low, high, order) in cases.items():
    options = {"method": "iir", "phase": "zero", "verbose": "error"}
    design = {"order": order, "ftype": "butter", "output": "sos"}
    done = mne.filter.filter_data(data, rate, low, high, iir_params=design, **options)
    np.save(f"{folder}/{name}.npy", done)
print(json.dumps({"version": mne.__version__}))
"""


def filtered_by_mne(values: np.ndarray, rate: float, folder: Path) -> dict[str, np.ndarray]:
    """Return what MNE-Python makes of signals (m, n) in each case, or skip with the reason."""
    python = peers_python()
    if python is None:
        pytest.skip("no environment with MNE-Python; `make peers` makes it")
    np.save(folder / "trial.npy", values)
    cases = json.dumps({name: design for name, (design, _) in CASES.items()})
    command = [str(python), "-c", THEIRS, str(folder), str(rate), cases]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    if "missing" in said:
        pytest.skip(f"the environment of the peers has no MNE-Python: {said['missing']}")
    return {name: np.load(folder / f"{name}.npy") for name in CASES}


def check(values: np.ndarray, rate: float, folder: Path) -> None:
    values = values - values.mean(axis=-1, keepdims=True)
    theirs = filtered_by_mne(values, rate, folder)
    emg = xr.DataArray(values, dims=("channel", "time"), attrs={"sampling_frequency": rate, "units": "mV"})
    inside = slice(round(ENDS * rate), -round(ENDS * rate))
    apart = {
        name: off(ours(emg).values[:, inside].astype(np.float64), theirs[name][:, inside])
        for name, (_, ours) in CASES.items()
    }
    assert max(apart.values()) < TOLERANCE, apart


def test_a_made_trial_is_filtered_as_by_mne(tmp_path: Path) -> None:
    check(raw_emg(12.0, 1111.11, seed=1).reshape(-1, 6).T, 1111.11, tmp_path)


@pytest.mark.realdata
def test_the_real_recording_is_filtered_as_by_mne(samples: Path, tmp_path: Path) -> None:
    check(recording(samples), 1920.0, tmp_path)
