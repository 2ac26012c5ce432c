"""Reading and writing strides beside bare zarr, HDF5, memmap and pickle, on disk and through an emulated bucket.

    python -m tests.benchmarks.storage --json bench/storage.json [--strides 1024] [--no-remote]

EMG is synthetic, band-passed (see `storage_data`); every row decodes to float32. The bucket is the emulator in a
process of its own, with 30 ms before each reply and 60 MB/s a connection. Each row is run `_REPEATS` times in turn with
its baseline and the fastest counts, because other work on the machine disturbs single runs; ratios compare better than
values from one machine to the next. Notes give the ratio of processor time, which is disturbed least.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import zarr
from scipy.signal import butter, sosfiltfilt

from biomech_xr.store import finish, layout, open_part, open_strides, publish
from biomech_xr.store.encoding import decode_emg, encode_emg
from tests.benchmarks import storage_remote
from tests.benchmarks.common import Case, arguments, report
from tests.benchmarks.storage_data import RATE, make_strides, write_bare
from tests.benchmarks.storage_open import STRIDES, make_catalogue
from tests.store.samples import CHAIN, Product

_REPEATS = 2
_RANDOM = 64

Floats = npt.NDArray[np.float32]
Read = Callable[[], Any]


def main() -> None:
    """Measure and report."""
    parser = arguments("Reading and writing strides beside other formats.")
    parser.add_argument("--strides", type=int, default=1024, help="number of strides, whole shards of 512 at best")
    parser.add_argument("--no-remote", action="store_true", help="leave the emulated bucket out")
    given = parser.parse_args()
    product = make_strides(given.strides)
    with tempfile.TemporaryDirectory() as folder:
        cases = measure_sizes(product) | measure_writing(product, Path(folder))
        cases |= measure_reading(product, Path(folder)) | measure_opening(Path(folder) / "all")
        if not given.no_remote:
            cases |= storage_remote.measure(Path(folder) / "ours", strides_url(), given.strides)
    report(cases, given.json)


def strides_url() -> str:
    """Return the place of the part in a store."""
    return layout.strides_url("", CHAIN, "hu").strip("/")


def fastest(*rows: Callable[[], Any], repeats: int = _REPEATS) -> list[float]:
    """Return the least time in s of each row, run in turn."""
    best = [float("inf")] * len(rows)
    for _ in range(repeats):
        for number, row in enumerate(rows):
            started = time.perf_counter()
            row()
            best[number] = min(best[number], time.perf_counter() - started)
    return best


def processor_time(row: Callable[[], Any]) -> float:
    """Return the least processor time in s of this process for a row, all threads together."""
    best = float("inf")
    for _ in range(_REPEATS):
        started = time.process_time()
        row()
        best = min(best, time.process_time() - started)
    return best


def measure_opening(folder: Path) -> dict[str, Case]:
    """Return opening a store of 515,880 strides and selecting one patient, beside their limits of 1 s and 20 ms."""
    make_catalogue(str(folder))
    opened = open_strides(str(folder))
    patient = opened.indexes["stride"].get_level_values("patient")[STRIDES // 2]
    cases = {}
    for name, row, limit in (
        ("open, 515,880 strides", lambda: open_strides(str(folder)), 1.0),
        ("sel of one patient", lambda: opened.sel(patient=patient), 0.02),
    ):
        (seconds,), used = fastest(row), processor_time(row)
        note = f"baseline is the limit; {1000 * used:.0f} ms of processor time"
        cases[name] = Case(value=1e3 * seconds, unit="ms", baseline=1e3 * limit, ratio=limit / seconds, note=note)
    return cases


def measure_sizes(product: Product) -> dict[str, Case]:
    """Return stored bytes of EMG beside float32 of the samples that are not NaN."""
    emg = product.block["emg"][: layout.STRIDES_PER_SHARD]
    low = butter(2, 6, fs=RATE, output="sos")
    finite = np.isfinite(emg)
    smooth = np.where(finite, sosfiltfilt(low, np.abs(np.where(finite, emg, 0))), np.nan).astype(np.float32)
    cases = {}
    for name, values in (("size, band-passed EMG", emg), ("size, envelopes", smooth)):
        group = zarr.create_group(store={})
        array = layout.create_stride_array(
            group, "emg", strides=len(values), tail=values.shape[1:], dims=("stride", "channel", "time")
        )
        array[...] = encode_emg(values)[0]
        stored, plain = array.nbytes_stored(), 4 * int(finite.sum())
        note = f"{stored / plain:.3f} of float32"
        cases[name] = Case(value=stored / 1e6, unit="MB", baseline=plain / 1e6, ratio=plain / stored, note=note)
    return cases


def measure_writing(product: Product, folder: Path) -> dict[str, Case]:
    """Return ledgered writing of shards (read back, compared, listed) beside bare zarr writing the same arrays."""
    count, runs = len(product.labels), iter(range(100))
    shards = range(layout.shard_count(count))

    def ledgered() -> None:
        for shard in shards:
            product.write_shard(root, shard, entry)

    def bare() -> None:
        write_bare(product, str(folder / f"bare-{next(runs)}.zarr"))

    best = [float("inf")] * 3
    for attempt in range(_REPEATS):
        root = str(folder / ("ours" if attempt == 0 else f"run-{attempt}"))
        started = time.perf_counter()
        entry = product.create(root)
        made = time.perf_counter() - started
        seconds = fastest(ledgered, bare, repeats=1)
        started = time.perf_counter()
        finish(root, CHAIN, product.dataset, [entry["fingerprint"]])
        publish(root, CHAIN, [product.dataset])
        best = [min(pair) for pair in zip(best, [*seconds, made + time.perf_counter() - started], strict=True)]
    note = f"shards alone; tables, seal, manifest and version of the part besides: {best[2]:.2f} s once"
    case = Case(value=count / best[0], unit="1/s", baseline=count / best[1], ratio=best[1] / best[0], note=note)
    return {"ledgered write / bare zarr": case}


def measure_reading(product: Product, folder: Path) -> dict[str, Case]:
    """Return bulk and random reading of EMG from disk, decoded to float32, beside zarr's default float32 store."""
    emg = product.block["emg"]
    places = np.random.default_rng(0).choice(len(emg), _RANDOM, replace=False)
    readers = formats(emg, folder)
    bulk = fastest(*(lambda read=read: read(None) for read in readers.values()))
    processor = [processor_time(lambda read=read: read(None)) for read in readers.values()]
    single = fastest(*(lambda read=read: read(places) for read in readers.values()), repeats=2)
    default = list(readers).index("zarr default float32")
    base, base_single, base_processor = bulk[default], single[default], processor[default]
    cases = {}
    for name, seconds, alone, used in zip(readers, bulk, single, processor, strict=True):
        size = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file()) / 1e6
        note = f"{size:.0f} MB; " if size else ""
        note += f"processor ratio {base_processor / used:.2f}; {_RANDOM} random strides {_RANDOM / alone:.0f}/s"
        note += f", ratio {base_single / alone:.1f}"
        cases[f"disk: {name}"] = Case(
            value=len(emg) / seconds, unit="1/s", baseline=len(emg) / base, ratio=base / seconds, note=note
        )
    return cases


def formats(emg: Floats, folder: Path) -> dict[str, Callable[[npt.NDArray[np.int64] | None], Floats]]:
    """Write EMG in each format and return what reads all strides (None) or some, as float32."""
    part = open_part(str(folder / "ours" / strides_url()))
    ours = zarr.open_array(str(Path(part.url) / "emg"), mode="r")
    default = zarr.create_array(str(folder / "zarr default float32"), data=emg)
    for name in ("HDF5 gzip float32", "memmap float32", "pickle float32"):
        (folder / name).mkdir()
    hdf5 = folder / "HDF5 gzip float32" / "emg.h5"
    with h5py.File(hdf5, "w") as file:
        file.create_dataset("emg", data=emg, chunks=(64, *emg.shape[1:]), compression="gzip", shuffle=True)
    np.save(folder / "memmap float32" / "emg.npy", emg)
    mapped = np.load(folder / "memmap float32" / "emg.npy", mmap_mode="r")
    pickled = folder / "pickle float32" / "emg.pickle"
    pickled.write_bytes(pickle.dumps([{"emg": stride} for stride in emg]))

    def from_hdf5(rows: npt.NDArray[np.int64] | None) -> Floats:
        with h5py.File(hdf5) as file:
            return file["emg"][()] if rows is None else file["emg"][np.sort(rows)]

    def from_pickle(rows: npt.NDArray[np.int64] | None) -> Floats:
        strides = pickle.loads(pickled.read_bytes())  # noqa: S301
        return np.stack([strides[row]["emg"] for row in (range(len(strides)) if rows is None else rows)])

    readers: dict[str, Callable[[npt.NDArray[np.int64] | None], Floats]] = {
        "ours int16": lambda rows: (
            part.decoded("emg", 0, part.size) if rows is None else decode_emg(part.take("emg", rows))
        ),
        "zarr reading ours": lambda rows: decode_emg(ours[:] if rows is None else one_by_one(ours, rows)),
        "zarr default float32": lambda rows: default[:] if rows is None else one_by_one(default, rows),
        "HDF5 gzip float32": from_hdf5,
        "memmap float32": lambda rows: np.array(mapped if rows is None else mapped[rows]),
        "pickle float32": from_pickle,
    }
    try:
        import zarrs  # noqa: F401
    except ImportError as error:
        print(f"disk: zarrs reading ours: not run ({error}; pip install zarrs)")
        return readers
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        fast = zarr.open_array(str(Path(part.url) / "emg"), mode="r")
    return {
        **readers,
        "zarrs reading ours": lambda rows: decode_emg(fast[:] if rows is None else one_by_one(fast, rows)),
    }


def one_by_one(array: Any, rows: npt.NDArray[np.int64]) -> Any:
    """Return single rows of an array, each asked for on its own."""
    return np.concatenate([array[row : row + 1] for row in rows.tolist()])


if __name__ == "__main__":
    main()
