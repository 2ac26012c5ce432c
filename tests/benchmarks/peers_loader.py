"""Run in the environment of the peers: how fast another loader gives batches of the same strides; prints a JSON line.

    PEERS/bin/python tests/benchmarks/peers_loader.py STRIDES.npz BATCH TITLE

Imports nothing of the project, which that environment lacks. `STRIDES.npz` holds ``emg`` (stride, channel, time)
float32, NaN after the end of a stride, and ``row`` and ``end``: stride, and sample after the last one, of each window.
Each peer gets the samples in the form that it reads best, writes them to local disk (not timed) and shuffles as it
does by itself; one process, no workers. A window is 13 x 200 float32 of EMG alone; our batches hold more.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = 200
HOP = 5
"""Samples between windows where a peer can only step evenly; ours step by half a percent of a stride."""

REPEATS = 2
SECONDS = 6.0
"""After so many a pass ends."""

Samples = list[np.ndarray]
Run = Callable[[], Iterator[Any]]


def litdata_run(samples: Samples, folder: str, batch: int) -> Run:
    """Write chunks of 64 MB with the writer that `optimize` uses."""
    from litdata import StreamingDataLoader, StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    writer = BinaryWriter(folder, chunk_bytes="64MB")
    for number, sample in enumerate(samples):
        writer[number] = {"emg": sample}
    writer.done()
    writer.merge()
    return lambda: iter(StreamingDataLoader(StreamingDataset(folder, shuffle=True), batch_size=batch))


def streaming_run(samples: Samples, folder: str, batch: int) -> Run:
    """Write MDS shards. The image classes, which need torchvision, are the only ones that are left out."""
    _without_torchvision()
    from streaming import MDSWriter, StreamingDataset
    from torch.utils.data import DataLoader

    shape = ",".join(map(str, samples[0].shape))
    with MDSWriter(out=folder, columns={"emg": f"ndarray:float32:{shape}"}) as writer:
        for sample in samples:
            writer.write({"emg": sample})
    opened = StreamingDataset(local=folder, shuffle=True, batch_size=batch)
    return lambda: iter(DataLoader(opened, batch_size=batch))


class _Empty(types.ModuleType):
    """A module in which every name is a plain class."""

    __path__: list[str] = []  # noqa: RUF012 - what makes it a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _without_torchvision() -> None:
    """Let `streaming` be imported beside a torch for CPUs, for which there may be no torchvision."""
    try:
        importlib.import_module("torchvision.datasets")
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in (
            "torchvision",
            "torchvision.datasets",
            "torchvision.transforms",
            "torchvision.transforms.functional",
        ):
            sys.modules[name] = _Empty(name)
            sys.modules[name].__spec__ = ModuleSpec(name, None)


def webdataset_run(samples: Samples, folder: str, batch: int) -> Run:
    """Write tar files of NumPy arrays, shuffled through a buffer of 2000."""
    import webdataset

    with webdataset.ShardWriter(f"{folder}/%04d.tar", maxcount=4096, verbose=0) as writer:
        for number, sample in enumerate(samples):
            writer.write({"__key__": f"{number:08d}", "emg.npy": sample})
    files = sorted(map(str, Path(folder).glob("*.tar")))

    def run() -> Iterator[Any]:
        opened = webdataset.WebDataset(files, shardshuffle=len(files)).shuffle(2000).decode().to_tuple("emg.npy")
        return iter(opened.batched(batch))

    return run


def torch_brain_run(samples: Samples, folder: str, batch: int) -> Run:
    """Write one recording and read random spans of it, which is what its samplers ask for."""
    import h5py
    import torch
    from temporaldata import Data, RegularTimeSeries
    from torch.utils.data import DataLoader
    from torch_brain.data import Dataset, collate
    from torch_brain.data.dataset import DatasetIndex

    signal = np.concatenate([sample.T for sample in samples])
    series = RegularTimeSeries(sampling_rate=1000.0, emg=signal)
    with h5py.File(f"{folder}/all.h5", "w") as file:
        Data(emg=series, domain=series.domain).to_hdf5(file)
    length = samples[0].shape[1] / 1000

    def tensor(data: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(data.emg.emg.T))

    opened = Dataset(folder, recording_id="all", transform=tensor)
    order = np.random.default_rng(0).permutation(len(samples)).tolist()
    places = [DatasetIndex("all", length * number, length * (number + 1)) for number in order]
    return lambda: iter(DataLoader(opened, sampler=places, batch_size=batch, collate_fn=collate))


FORMATS: dict[str, tuple[str, Callable[[Samples, str, int], Run]]] = {
    "litdata": ("litdata", litdata_run),
    "MosaicML Streaming": ("mosaicml-streaming", streaming_run),
    "WebDataset": ("webdataset", webdataset_run),
    "torch_brain": ("pytorch_brain", torch_brain_run),
}


def xbatcher_runs(emg: np.ndarray, batch: int) -> dict[str, Run]:
    """Cut windows of strides in memory: single ones in random order as its data sets do, and all strides at once.

    Only the second way is fast: the windows of a piece are those of all strides at one time, one time after the other.
    """
    import torch
    import xarray as xr
    import xbatcher
    from torch.utils.data import DataLoader
    from xbatcher.loaders.torch import MapDataset

    data = xr.DataArray(emg, dims=("stride", "channel", "time"))
    single = xbatcher.BatchGenerator(data, {"stride": 1, "time": WINDOW}, {"time": WINDOW - HOP})
    every = xbatcher.BatchGenerator(data, {"time": WINDOW}, {"time": WINDOW - HOP})
    windows = MapDataset(single, transform=lambda piece: torch.from_numpy(np.ascontiguousarray(piece.values[0])))
    return {
        "windows": lambda: iter(DataLoader(windows, batch_size=batch, shuffle=True)),
        "unshuffled": lambda: (torch.from_numpy(np.ascontiguousarray(piece.values)) for piece in every),
    }


def count(run: Run) -> tuple[int, float, float]:
    """Return samples of one pass, or of its first `SECONDS`, and its seconds on the clock and of the processor."""
    started, used, samples = time.perf_counter(), time.process_time(), 0
    for batch in run():
        while isinstance(batch, list | tuple | dict):
            batch = batch["emg"] if isinstance(batch, dict) else batch[0]
        samples += len(batch)
        if time.perf_counter() - started > SECONDS:
            break
    return samples, time.perf_counter() - started, time.process_time() - used


def best(run: Run, held: float) -> dict[str, float]:
    """Return windows per second and processor seconds for a million, the best of some passes."""
    passes = [count(run) for _ in range(REPEATS)]
    rate = max(samples * held / seconds for samples, seconds, _ in passes)
    return {"rate": rate, "processor": min(used / (samples * held) * 1e6 for samples, _, used in passes)}


def main() -> None:
    """Measure a peer; one that cannot be imported, or fails, is told as such."""
    warnings.simplefilter("ignore")
    given, batch, title = np.load(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    emg, rows, ends = given["emg"], given["row"], given["end"]
    try:
        found = measure(title, emg, rows, ends, batch)
    except (ImportError, OSError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        lines = str(error).splitlines() or [""]
        found = {"missing": f"{type(error).__name__}: {lines[0]}"}
    print(json.dumps(found))


def measure(title: str, emg: np.ndarray, rows: np.ndarray, ends: np.ndarray, batch: int) -> dict[str, Any]:
    """Return the speed of a peer with windows, and with whole strides where it can have them."""
    if title == "xbatcher":
        runs = xbatcher_runs(emg, batch)
        return {"version": _version(title), **{form: best(run, 1.0) for form, run in runs.items()}}
    package, prepare = FORMATS[title]
    cut = [np.ascontiguousarray(emg[row, :, end - WINDOW : end]) for row, end in zip(rows, ends, strict=True)]
    forms = {"windows": (cut, batch, 1.0), "strides": (list(emg), 64, len(rows) / len(emg))}
    found: dict[str, Any] = {"version": _version(package)}
    for form, (samples, size, held) in forms.items():
        with tempfile.TemporaryDirectory() as folder:
            found[form] = best(prepare(samples, folder, size), held)
    return found


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
