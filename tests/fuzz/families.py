"""The reader families: an undamaged file of each, how it is read whole, and what may happen to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomech_xr.readers.mat import MatNode, open_mat
from tests.fuzz.damage import BYTES, Mutator
from tests.fuzz.damage_c3d import C3D
from tests.fuzz.damage_hdf5 import HDF5
from tests.fuzz.damage_mat5 import MAT5
from tests.fuzz.damage_text import TEXT
from tests.fuzz.damage_xlsx import XLSX
from tests.fuzz.outcomes import Result

COSTLY = ("bomb", "lying_bomb", "chunk_bomb", "far_cell", "wide")
"""Mutators that take seconds; the fast set does without."""

APART = ("MATLAB v7.3", "MATLAB v7.3, tables", "xlsx", "C3D")
"""Families whose parser runs in a process of its own."""

_DATASET = "fuzz"
_MOST_VALUES = 20_000


@dataclass(frozen=True, kw_only=True)
class Family:
    """One reader family.

    Parameters
    ----------
    suffix
        Of its files.
    make
        Writes the undamaged file.
    read
        Reads all of a file with our readers.
    mutators
        Name to mutator.
    """

    suffix: str
    make: Callable[[Path], object]
    read: Callable[[Path], Result]
    mutators: Mapping[str, Mutator]


def _content(*, tables: bool) -> dict[str, Any]:
    from biomech_xr.synthetic.matfile import FIELDLESS, Structs, cell

    values: dict[str, Any] = {
        "S": {
            "angle": np.arange(6.0).reshape(2, 3),
            "record": np.round(np.sin(np.arange(1500.0)).reshape(3, 500), 3),
            "count": 3,
            "name": "left  ",
            "pairs": cell([["T1", np.arange(3.0)], ["T2", np.empty((0, 0))]]),
            "nothing": np.empty((0, 4)),
            "whole": np.arange(8, dtype=np.int16).reshape(2, 4),
            "strides": Structs([{"k": 1.0, "kinetics": np.ones((1, 4))}, {"k": 2.0, "kinetics": FIELDLESS}]),
        },
        "other": np.ones((4, 2), dtype=np.float32),
    }
    if tables:
        values["S"]["trials"] = cell([["T1", pd.DataFrame({"a": [1.0, 2.0], "b": [np.nan, 4.0], "c": ["x", "yz"]})]])
    return values


def _write_mat(version: Any, *, tables: bool) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        from biomech_xr.synthetic.matfile import save_struct

        save_struct(path, _content(tables=tables), version=version)

    return write


def _read_mat(path: Path) -> Result:
    found: dict[str, Any] = {}
    with open_mat(path, dataset=_DATASET) as root:
        _collect(root, found)
        _collect_again(root, found)
    return found


def _collect(node: MatNode, found: dict[str, Any]) -> None:
    """Read a value and what it holds."""
    if len(found) > _MOST_VALUES:
        return
    if node.kind == "struct":
        for name in node.fields():
            _collect(node[name], found)
    elif node.kind in ("cell", "structs"):
        found[f"{node.path}#"] = list(node.shape)
        for element in node.elements():
            _collect(element, found)
    elif node.kind == "table":
        found[node.path] = node.table()
    elif node.kind == "text":
        found[node.path] = node.texts()
    elif node.kind == "empty":
        found[node.path] = node.array()
    else:
        found[node.path] = node.array()


def _collect_again(root: MatNode, found: dict[str, Any]) -> None:
    """Read part of an array and all of a cell at once, where the file still has them."""
    record = root["S"]["record"]
    found["part"] = record.array(slice(10, 40))
    if len(found) < _MOST_VALUES:
        found["cells"] = [array.tolist() for array in root["S"]["pairs"].arrays()[2:]] if _plain(root) else []


def _plain(root: MatNode) -> bool:
    return all(entry.kind in ("numeric", "empty") for entry in root["S"]["pairs"].elements())


def _write_mot(path: Path) -> None:
    time = np.arange(60) / 100
    rows = "\n".join("\t".join(f"{v:.6f}" for v in (t, np.sin(t), np.cos(t), t * 2)) for t in time)
    head = "coordinates\nversion=1\nnRows=60\nnColumns=4\ninDegrees=yes\n\nendheader\n"
    path.write_text(f"{head}time\thip_r\tknee_r\tankle_r\n{rows}\n", encoding="utf-8")


def _read_mot(path: Path) -> Result:
    from biomech_xr.readers.opensim import read_mot

    table = read_mot(path, dataset=_DATASET)
    columns = {f"column {name}": table.column(name) for name in table.columns}
    return {"degrees": table.in_degrees, "time": table.time, **columns}


def _write_trc(path: Path) -> None:
    rows = "\n".join(f"{k + 1}\t{k / 100:.2f}\t" + "\t".join(f"{k + n}.5" for n in range(6)) for k in range(40))
    head = (
        "PathFileType\t4\t(X/Y/Z)\tf.trc\n"
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
        "100\t100\t40\t2\tmm\t100\t1\t40\nFrame#\tTime\tHEEL\t\t\tTOE\t\t\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
    )
    path.write_text(f"{head}{rows}\n", encoding="utf-8")


def _read_trc(path: Path) -> Result:
    from biomech_xr.readers.opensim import read_trc

    table = read_trc(path, dataset=_DATASET)
    return {
        "rate": table.rate,
        "units": table.units,
        "names": list(table.markers),
        "time": table.time,
        "v": table.values,
    }


def _write_csv(path: Path) -> None:
    rows = "\n".join(f"{k / 100},{np.sin(k / 9):.5f},{k % 7},walk" for k in range(60))
    path.write_text(f"time,angle,count,task\n{rows}\n", encoding="utf-8")


def _read_csv(path: Path) -> Result:
    from biomech_xr.readers.tables import read_csv
    from biomech_xr.readers.text import check_last_row

    check_last_row(path, dataset=_DATASET)
    table = read_csv(path, dataset=_DATASET, columns=["time", "angle", "count", "task"], text=["task"])
    return {str(name): table[name].to_numpy() if name != "task" else table[name].tolist() for name in table.columns}


def _write_text(path: Path) -> None:
    rows = "\n".join(f"{k / 100}\t{np.sin(k / 9):.5f}\t{k % 7}\t" for k in range(60))
    path.write_text(f"time\tangle\tcount\t\n{rows}\n", encoding="utf-8")


def _read_text(path: Path) -> Result:
    from biomech_xr.readers.text import read_text

    table = read_text(path, dataset=_DATASET)
    return {str(name): table[name].to_numpy() for name in table.columns}


def _write_xlsx(path: Path) -> None:
    from biomech_xr.synthetic.tables import write_workbook

    rows: list[list[str | float]] = [["ID", "Age", "Mass"], *([f"P{k}", 20 + k, 60.5 + k] for k in range(20))]
    write_workbook(path, "People", rows, others={"More": [["a"], [1]]})


def _read_xlsx(path: Path) -> Result:
    from biomech_xr.readers.tables import read_sheet, sheet_names

    names = sheet_names(path, dataset=_DATASET)
    table = read_sheet(path, dataset=_DATASET, sheet="People")
    return {"names": names, "shape": list(table.shape), "People": table.astype(object).to_numpy().tolist()}


def _write_c3d(path: Path) -> None:
    from tests.readers.c3d_files import write_c3d

    time = np.arange(50)[:, None]
    write_c3d(
        path,
        points={"LHEE": np.hstack([time, time + 1, time + 2]), "RHEE": np.hstack([time, -time, 0 * time])},
        analogs={"EMG1": np.sin(np.arange(500) / 7), "Force": np.arange(500.0)},
        events=[("Foot Strike", "Left", 0.1), ("Foot Off", "Right", 0.3)],
    )


def _read_c3d(path: Path) -> Result:
    from biomech_xr.readers.c3d import read_c3d

    trial = read_c3d(path, dataset=_DATASET, timeout=20)
    points = {f"point {name}": values for name, values in trial.points.items()}
    analogs = {f"analog {name}": values for name, values in trial.analogs.items()}
    events = [list(event) for event in trial.events]
    rates = [float(trial.point_rate), float(trial.analog_rate), trial.first_frame]
    return {"rates": rates, "events": events, "units": list(trial.analog_units.values()), **points, **analogs}


FAMILIES: Mapping[str, Family] = {
    "MATLAB v5": Family(suffix=".mat", make=_write_mat("v5", tables=False), read=_read_mat, mutators={**BYTES, **MAT5}),
    "MATLAB v5, tables": Family(
        suffix=".mat", make=_write_mat("v5", tables=True), read=_read_mat, mutators={**BYTES, **MAT5}
    ),
    "MATLAB v7.3": Family(
        suffix=".mat", make=_write_mat("v7.3", tables=False), read=_read_mat, mutators={**BYTES, **HDF5}
    ),
    "MATLAB v7.3, tables": Family(
        suffix=".mat", make=_write_mat("v7.3", tables=True), read=_read_mat, mutators={**BYTES, **HDF5}
    ),
    "mot, sto": Family(suffix=".mot", make=_write_mot, read=_read_mot, mutators={**BYTES, **TEXT}),
    "trc": Family(suffix=".trc", make=_write_trc, read=_read_trc, mutators={**BYTES, **TEXT}),
    "CSV": Family(suffix=".csv", make=_write_csv, read=_read_csv, mutators={**BYTES, **TEXT}),
    "TXT": Family(suffix=".txt", make=_write_text, read=_read_text, mutators={**BYTES, **TEXT}),
    "xlsx": Family(suffix=".xlsx", make=_write_xlsx, read=_read_xlsx, mutators={**BYTES, **XLSX}),
    "C3D": Family(suffix=".c3d", make=_write_c3d, read=_read_c3d, mutators={**BYTES, **C3D}),
}
"""Name to family."""
