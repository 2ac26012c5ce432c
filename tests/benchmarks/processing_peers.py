"""Our filters beside those of MNE-Python, NeuroKit2 and biosppy on the same trial, each doing what it does by itself.

The peers live in an environment of their own (`make peers`); without it, or without one of them, a case says *not run*.
Processor time of one process counts, the least of the repeats.

    python -m tests.benchmarks.processing_peers [--json bench/processing_peers.json]
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from biomech_xr.process.engine.apply import apply_stages
from biomech_xr.process.engine.stages import Sections, Stage
from biomech_xr.process.steps.filters import butterworth, notches
from tests.benchmarks.common import Case, arguments, report

RATE = 2000.0
CHANNELS = 13
_SCRIPT = Path(__file__).with_name("peers_emg.py")


def peers_python() -> Path | None:
    """Return the interpreter of the peers' environment, None where there is none."""
    python = Path(os.environ.get("BIOMECH_XR_PEERS", ".venv-peers")) / "bin" / "python"
    return python if python.exists() else None


def peer_cases(seconds: float, repeats: int) -> dict[str, Case]:
    """Return one case a peer, beside our band-pass with notches, or our high-pass where the peer does no more."""
    python = peers_python()
    if python is None:
        return {
            "peers": Case(value=0, unit="not run", baseline=0, ratio=0, note="no environment; `make peers` makes it")
        }
    draw = np.random.default_rng(3)
    signals = 1e-4 * draw.standard_normal((CHANNELS, round(seconds * RATE)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "trial.npy")
        np.save(file, signals)
        command = [str(python), str(_SCRIPT), str(file), str(RATE), str(repeats)]
        limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **limits})
    theirs = json.loads(done.stdout.splitlines()[-1])
    band = Sections.of(butterworth("bandpass", (20.0, 450.0), order=4, rate=RATE))
    lines = Sections.of(notches(50.0, width=6.0, upper=450.0, rate=RATE))
    high = Sections.of(butterworth("highpass", 100.0, order=4, rate=RATE))
    ours = {
        "band-pass + notches": _least(signals, (band, lines), repeats),
        "high-pass": _least(signals, (high,), repeats),
    }
    cases = {}
    for title, result in theirs.items():
        if "missing" in result:
            cases[title] = Case(value=0, unit="not run", baseline=0, ratio=0, note=result["missing"])
            continue
        kind = "band-pass + notches" if "notch" in title else "high-pass"
        per = [value / (seconds * CHANNELS) * 1e6 for value in (ours[kind], result["seconds"])]
        cases[f"beside {title}"] = Case(
            value=per[0], unit="us", baseline=per[1], ratio=per[1] / per[0], note=f"{kind}; version {result['version']}"
        )
    return cases


def _least(signals: np.ndarray, stages: tuple[Stage, ...], repeats: int) -> float:
    apply_stages(signals[:, :4000], stages, rate=RATE, causal=False)
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        apply_stages(signals, stages, rate=RATE, causal=False)
        times.append(time.process_time() - begin)
    return min(times)


def main() -> None:
    """Measure and report."""
    given = arguments("Our filters beside those of other libraries.").parse_args()
    report(peer_cases(60.0, 3), given.json)


if __name__ == "__main__":
    main()
