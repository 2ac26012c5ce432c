"""One self-contained HTML page on a store: sources, ensemble curves, scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from biomech_xr import __version__
from biomech_xr import vocabulary as words
from biomech_xr.errors import MissingDependencyError, MissingInputError
from biomech_xr.quality.plots import as_svg, joint_figure, muscle_figure
from biomech_xr.store import ensemble, open_strides, summarize

_QUANTITIES: Final = {
    "angle": "Joint angle, RMSE in degrees",
    "torque": "Joint moment, RMSE in N m/kg",
    "phase": "Gait phase, circular RMSE in % of the cycle",
}
_MODEL: Final = "model"


def write_report(
    root: str,
    path: str | Path,
    *,
    chain: str = "envelope",
    scores: str | Path | None = None,
    figures: str | Path | None = None,
) -> Path:
    """Write the page and return its path.

    Parameters
    ----------
    root
        URL of the store.
    path
        HTML file to write.
    chain
        Strides product to show.
    scores
        JSON file that ``training.evaluate --json`` wrote, or None.
    figures
        Folder to write each figure into as an SVG file too, or None.

    Raises
    ------
    NotAStoreError
        There are no finished strides of that chain.
    MissingInputError
        ``scores`` is not such a file.
    MissingDependencyError
        jinja2 or matplotlib is not installed.
    """
    strides = open_strides(root, chain=chain)
    curves = ensemble(strides, by=["dataset", "activity"]).compute(scheduler="threads")
    drawn = _figures(curves)
    if figures is not None:
        folder = Path(figures)
        folder.mkdir(parents=True, exist_ok=True)
        for figure in drawn:
            (folder / f"{figure['name']}.svg").write_text(figure["svg"], encoding="utf-8")
    rows = _source_rows(strides, summarize(root), chain)
    found = _read_scores(Path(scores)) if scores else None
    page = _template().render(
        title=str(root),
        chain=chain,
        tiles=[
            ("strides", f"{strides.sizes['stride']:,}"),
            ("people", len(np.unique(np.asarray(strides["person_group"].values).astype(str)))),
            ("sources", len(rows)),
            ("lookahead of the signals", _lookahead(strides)),
        ],
        sources=rows,
        figures=drawn,
        scores=_score_section(found) if found else None,
        stamp=f"biomech-xr {__version__}; configuration {_hashes(strides)}.",
    )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")
    return target


def _lookahead(strides: xr.Dataset) -> str:
    known = strides.attrs.get("kinematics_lookahead_known", False)
    return f"{'' if known else 'at least '}{strides.attrs['lookahead']:.2f} s"


def _read_scores(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingInputError(
            f"{path}: found no readable JSON ({error}); expected the file that `training.evaluate --json` writes."
        ) from error
    if not isinstance(found, Mapping) or "scores" not in found:
        raise MissingInputError(f"{path}: found no `scores`; expected the file that `training.evaluate --json` writes.")
    return found


def _template() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingDependencyError.of("jinja2", "report") from error
    environment = Environment(
        loader=PackageLoader("biomech_xr.quality", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html.j2")


def _source_rows(
    strides: xr.Dataset, summary: Mapping[str, Sequence[Mapping[str, Any]]], chain: str
) -> list[dict[str, Any]]:
    parsed = {row["dataset"]: row for row in summary["recordings"]}
    processed = {row["dataset"]: row for row in summary["strides"] if row["chain"] == chain}
    labels = {name: np.asarray(strides[name].values).astype(str) for name in ("dataset", "activity", "emg_state")}
    rates = np.asarray(strides["emg_native_rate"].values, dtype=float)
    rows = []
    for name in sorted(processed):
        here = labels["dataset"] == name
        source = strides.attrs["sources"][name]
        states = ", ".join(sorted(set(labels["emg_state"][here])))
        rate = np.unique(rates[here][np.isfinite(rates[here])])
        rows.append(
            {
                "dataset": name,
                "data": "synthetic" if source.get("synthetic") else "recorded",
                "reader": words.EVIDENCES[source["evidence"]],
                "people": processed[name]["patients"],
                "strides": processed[name]["strides"],
                "rejected": parsed.get(name, {}).get("rejected", 0) + processed[name]["rejected"],
                "activities": ", ".join(sorted(set(labels["activity"][here]))).replace("_", " "),
                "emg": f"{states}, {_rates(rate)}" if rate.size else states,
                "licence": source["licence"],
            }
        )
    return rows


def _rates(rates: npt.NDArray[np.float64]) -> str:
    low, high = rates.min(), rates.max()
    return f"{low:g} Hz" if low == high else f"{low:.0f} to {high:.0f} Hz"


def _figures(curves: xr.Dataset) -> list[dict[str, Any]]:
    band = "Line: mean over persons; band: one SD between persons (within the person where there is only one)."
    muscles = f"{band} EMG is in multiples of each person's own amplitude reference."
    found = []
    for activity in sorted((str(name) for name in np.asarray(curves["activity"])), key=words.ACTIVITIES.index):
        title = activity.replace("_", " ").capitalize()
        found.append(
            (f"{activity}-joints", f"{title}: sagittal angles and moments", joint_figure(curves, activity), band)
        )
        found.append((f"{activity}-muscles", f"{title}: muscles", muscle_figure(curves, activity), muscles))
    return [
        {"name": name, "title": title, "svg": as_svg(figure), "caption": caption}
        for name, title, figure, caption in found
        if figure is not None
    ]


def _score_section(found: Mapping[str, Any]) -> dict[str, Any]:
    tables = []
    for quantity, caption in _QUANTITIES.items():
        rows = [row for row in found["scores"] if row["quantity"] == quantity and _shown(row)]
        if rows:
            tables.append(_score_table(caption, rows))
    persons = max((row["persons"] for row in found["scores"]), default=0)
    return {
        "sentence": (
            f"Checkpoint of step {found['checkpoint_step']} of {found['steps']} ({found['checkpoint']}). "
            f"Split {found['split']}: {persons} person(s), {found['windows']:,} windows, mean horizon "
            f"{found['mean_horizon_ms']:.0f} ms, phase input: {found['phase_input']}. Mean over persons, SD in "
            "parentheses; rows without an activity are over all of them; the smallest error of a row is bold."
        ),
        "tables": tables,
        "notes": found.get("notes", []),
    }


def _shown(row: Mapping[str, Any]) -> bool:
    """Return whether a row is in the page: all components over all activities, the main ones of each activity."""
    return bool(row["activity"] == "all" or row["component"].endswith(("flexion", "cycle")))


def _score_table(caption: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    predictors = sorted({name for row in rows for name in row["rmse"]}, key=lambda name: (name != _MODEL, name))
    lines = []
    for row in rows:
        best = min(value["mean"] for value in row["rmse"].values())
        label = row["component"] if row["activity"] == "all" else f"{row['component']}, {row['activity']}"
        cells = [{"text": label.replace("_", " "), "best": False}]
        for name in predictors:
            value = row["rmse"].get(name)
            cells.append({"text": _cell(value), "best": value is not None and value["mean"] == best})
        lines.append(cells)
    return {"caption": caption, "headings": ["", *(name.replace("_", " ") for name in predictors)], "rows": lines}


def _cell(value: Mapping[str, float | None] | None) -> str:
    if value is None or value["mean"] is None:
        return ""
    digits = 1 if value["mean"] >= 10 else 2 if value["mean"] >= 0.1 else 3
    spread = "" if value["sd"] is None else f" ({value['sd']:.{digits}f})"
    return f"{value['mean']:.{digits}f}{spread}"


def _hashes(strides: xr.Dataset) -> str:
    return ", ".join(f"{name} {value}" for name, value in strides.attrs["config_hash"].items())
