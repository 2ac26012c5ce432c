"""Run in the environment of the peers: what their own pipelines take for EMG trials; prints one JSON line.

    PEERS/bin/python tests/benchmarks/peers_emg.py TRIALS.npy RATE REPEATS

Imports nothing of the project, which that environment lacks. `TRIALS.npy` holds (channel, sample) float64 in V.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

BAND = (20.0, 450.0)
LINE = 50.0


def mne_filters(signals: np.ndarray, rate: float) -> None:
    """Run MNE-Python's zero-phase IIR band-pass of order 4 and its notches."""
    import mne

    options = {"method": "iir", "iir_params": {"order": 4, "ftype": "butter"}, "verbose": "error"}
    clean = mne.filter.filter_data(signals, rate, *BAND, **options)
    lines = np.arange(LINE, BAND[1], LINE)
    mne.filter.notch_filter(clean, rate, lines, method="fir", verbose="error")


def neurokit_clean(signals: np.ndarray, rate: float) -> None:
    """Run NeuroKit2's `emg_clean` on each channel: a high-pass of order 4 and a constant taken off."""
    import neurokit2

    for row in signals:
        neurokit2.emg_clean(row, sampling_rate=rate)


def biosppy_filter(signals: np.ndarray, rate: float) -> None:
    """Run the first step of biosppy's `emg` on each channel: a zero-phase high-pass of order 4."""
    from biosppy.signals import tools

    for row in signals:
        tools.filter_signal(signal=row, ftype="butter", band="highpass", order=4, frequency=100, sampling_rate=rate)


PEERS: dict[str, tuple[str, Callable[[np.ndarray, float], None]]] = {
    "mne": ("MNE-Python filter_data + notch_filter", mne_filters),
    "neurokit2": ("NeuroKit2 emg_clean", neurokit_clean),
    "biosppy": ("biosppy filter_signal", biosppy_filter),
}


def main() -> None:
    """Measure every peer that is installed; one that is not is told as such."""
    warnings.simplefilter("ignore")
    signals, rate, repeats = np.load(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    found: dict[str, Any] = {}
    for name, (title, run) in PEERS.items():
        try:
            importlib.import_module(name)
            run(signals[:, : round(2 * rate)].copy(), rate)
        except ImportError as error:
            found[title] = {"missing": str(error)}
            continue
        times = []
        for _ in range(repeats):
            data = signals.copy()
            begin = time.process_time()
            run(data, rate)
            times.append(time.process_time() - begin)
        found[title] = {"seconds": min(times), "version": metadata.version(name)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
