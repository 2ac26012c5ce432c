"""The loader on a GPU: windows per second, and how long a training step waits for its data.

    python -m tests.benchmarks.loader_cuda --json bench/loader_cuda.json [--strides 8192] [--batch 4096]

Needs a CUDA device. A step is forward, backward and AdamW of the EMG transformer in bf16. What the data cost is the
time of a step with the loader over that of the same step on one batch that lies on the device already, model and
optimizer being the same; the share of the time in which the host asks for a batch is printed too. Rows of windows
per second make batches and do nothing else with them.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from biomech_xr.load import DeviceWindows, StrideWindows
from tests.benchmarks.common import Case, arguments, report
from tests.benchmarks.loader_data import write_corpus
from training import losses
from training.config import ModelSizes, TrainConfig
from training.distributed import Ranks
from training.tasks.emg import EmgTask

SIZES = {
    "small": ModelSizes(features=64, heads=4, encoder_layers=2, decoder_layers=2),
    "medium": ModelSizes(features=256, heads=8, encoder_layers=4, decoder_layers=4),
    "large": ModelSizes(features=512, heads=8, encoder_layers=8, decoder_layers=8),
}
WARM, STEPS, REPEATS = 10, 30, 2
Batch = dict[str, torch.Tensor]


def main() -> None:
    """Write the corpus, measure every case and report."""
    parser = arguments("The loader on a GPU.")
    parser.add_argument("--strides", type=int, default=8192, help="strides of the corpus")
    parser.add_argument("--batch", type=int, default=4096, help="windows of a batch")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("loader_cuda: found no CUDA device, expected one.")
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), given.strides)
        report(windows_cases(folder, given.batch) | step_cases(folder, given.batch), given.json)


def windows_cases(root: str, size: int) -> dict[str, Case]:
    """Return windows per second of each loader, beside rows of ready windows that are on the device."""
    ready = torch.randn(65_536, 13 * 200, device="cuda")
    rows = [torch.randint(len(ready), (size,), device="cuda") for _ in range(64)]
    out = torch.empty(size, 13 * 200, device="cuda")
    base = max(rate((torch.index_select(ready, 0, row, out=out) for row in rows), size) for _ in range(REPEATS))
    cases = {}
    for emg in ("float32", "int16"):
        windows = DeviceWindows(root, global_batch=size, device="cuda", emg=emg)
        cases[f"DeviceWindows {emg}, cuda"] = _epochs(windows, size, base)
    cases["StrideWindows float32, moved"] = _epochs(StrideWindows(root, global_batch=size), size, base)
    return cases


def _epochs(windows: StrideWindows, size: int, base: float) -> Case:
    """Return the speed of a whole epoch, the better of two; the first one compiles."""
    found = []
    for epoch in range(REPEATS):
        windows.set_epoch(epoch)
        found.append(rate(map(_moved, windows), size))
    print(f"{type(windows).__name__} {windows.emg}: {max(found):,.0f} windows/s", flush=True)
    note = "ratio to rows of ready windows on the device; decoding included"
    return Case(value=max(found) / 1e3, unit="k/s", baseline=base / 1e3, ratio=max(found) / base, note=note)


def rate(batches: Iterator[Any], size: int) -> float:
    """Return windows per second of what yields batches, from the 11th on: before, all lanes read their first block."""
    for _ in itertools.islice(batches, WARM):
        pass
    torch.cuda.synchronize()
    started = time.perf_counter()
    count = sum(1 for _ in batches)
    torch.cuda.synchronize()
    return count * size / (time.perf_counter() - started)


def step_cases(root: str, size: int) -> dict[str, Case]:
    """Return what data cost a training step of each model."""
    cases = {}
    for name, model in SIZES.items():
        config = TrainConfig.of({"store": root, "out": "none", "global_batch": size, "model": model.model_dump()})
        trainer = Trainer(config)
        windows = DeviceWindows(root, global_batch=size, device="cuda")
        batches = _forever(windows)
        fixed = next(batches)
        alone, wait, with_data = [], [], []
        for _ in range(REPEATS):
            alone.append(trainer.steps(itertools.repeat(fixed))[0])
            seconds, waited = trainer.steps(batches)
            with_data.append(seconds)
            wait.append(waited)
        batches.close()
        step, loaded = min(alone), min(with_data)
        note = f"step {1e3 * loaded:.2f} ms, on one batch {1e3 * step:.2f} ms; the host asks for data during "
        note += f"{100 * min(wait) / loaded:.1f} % of it; {trainer.parameters:,} parameters"
        print(f"{name}: {note}", flush=True)
        cases[f"bf16 step, {name}"] = Case(
            value=size / loaded / 1e3, unit="k/s", baseline=size / step / 1e3, ratio=loaded / step, note=note
        )
    return cases


def _forever(windows: StrideWindows) -> Iterator[Batch]:
    for epoch in itertools.count():
        windows.set_epoch(epoch)
        yield from windows


class Trainer:
    """The EMG transformer and its optimizer on a GPU."""

    def __init__(self, config: TrainConfig) -> None:
        self._task = EmgTask(config)
        ranks = Ranks(rank=0, world_size=1, device=torch.device("cuda"))
        opened = DeviceWindows(config.store, global_batch=config.global_batch, device=ranks.device)
        found = self._task.fit(itertools.islice(opened, 4))
        self._statistics = {name: value.to(ranks.device) for name, value in found.items()}
        self._model = self._task.model(self._statistics).to(ranks.device)
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=1e-4)
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())

    def steps(self, batches: Iterator[Batch]) -> tuple[float, float]:
        """Return the mean seconds of a step, and of asking for its batch."""
        waited = 0.0
        for number in range(WARM + STEPS):
            if number == WARM:
                torch.cuda.synchronize()
                started, waited = time.perf_counter(), 0.0
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            self._step(batch)
        torch.cuda.synchronize()
        return (time.perf_counter() - started) / STEPS, waited / STEPS

    def _step(self, batch: Batch) -> None:
        self._optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            terms = self._task.terms(self._model, batch, self._statistics)
        objective, _ = losses.combine(terms, self._task.weights())  # waits for the device, as training does
        objective.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()


def _moved(batch: Batch) -> Batch:
    return {name: value.to("cuda", non_blocking=True) for name, value in batch.items()}


if __name__ == "__main__":
    main()
