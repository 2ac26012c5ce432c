"""Counts of a store: what is counted, what is flagged, that candidates add up, and the reference figures."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest

from biomech_xr import cli, process
from biomech_xr.datasets import names
from biomech_xr.errors import LostDataError, NotAStoreError
from biomech_xr.quality.counts import count_strides
from biomech_xr.quality.counts_checks import length_flags, rate_flags
from biomech_xr.quality.counts_ledger import account
from biomech_xr.quality.counts_products import read_product
from biomech_xr.quality.counts_rows import count_rows
from biomech_xr.quality.counts_sheets import reference_sheet, sheets
from biomech_xr.quality.counts_strides import SIGNALS, Candidates, read_candidates
from biomech_xr.quality.counts_tables import StoredGroup
from biomech_xr.quality.reference_counts import REFERENCE, TOTAL, beside_reference
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.schema import Signal, Trial, rejected_table, stride_table
from biomech_xr.store import open_part, open_patient, open_strides, publish, write_patient
from tests.process.patients import SPEC, emg_values, walking_trial

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "counts.md"
MARKS = (
    "<!-- reference counts: made by `biomech-xr counts --reference --markdown` -->",
    "<!-- end of reference counts -->",
)
LONG = 2.0
"""Seconds of the one stride that process rejects (the source's strides last at most 1.6 s)."""


def ragged_trial(person: str, *, lengths: tuple[int, ...], durations: tuple[float, ...], rate: float) -> Trial:
    """Return EMG of the right leg cut to strides of their own lengths, and one candidate that parse rejected."""
    values = emg_values(np.random.default_rng(0).normal(size=(sum(lengths), 1, 3)), ("right",))
    rows = [
        {"trial": "cut", "side": "right", "stride_number": i, "activity": "walk", "duration": one, "segment": i}
        for i, one in enumerate(durations)
    ]
    lost = {"trial": "cut", "side": "right", "stride_number": len(rows), "reason": "too_short", "detail": "0.1 s"}
    return replace(
        walking_trial(person=person, trial="cut"),
        signals={"emg": Signal(kind="ragged", values=values, sampling_frequency=rate, lengths=lengths)},
        strides=stride_table(rows),
        rejected=rejected_table([lost]),
    )


def trials_of(person: str) -> list[Trial]:
    """Return the trials of A (two alike), or of B: another rate of EMG, and a cut trial with one wrong length."""
    if person == "A":
        contacts = {"left": np.array([0.5, 1.6, 2.7, 2.7 + LONG]), "right": 1.05 + 1.1 * np.arange(4)}
        return [walking_trial(trial=f"walk_{i}", person="A", seconds=6, seed=i, contacts=contacts) for i in range(2)]
    walk = walking_trial(trial="walk_0", person="B", seconds=6, emg_rate=2000, contacts={"left": np.array([1.0, 2.1])})
    return [walk, ragged_trial("B", lengths=(1000, 1100, 1047), durations=(1.0, 1.1, 1.0495), rate=1000.0)]


def write_recordings(root: Path, *, name: str = "made", people: tuple[str, ...] = ("A", "B"), **facts: Any) -> str:
    spec = replace(SPEC, name=name, **facts)
    for person in people:
        trials = [replace(one, patient=replace(one.patient, dataset=name)) for one in trials_of(person)]
        write_patient(str(root), spec, trials, config_hash="x")
    return str(root)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("counts")
    write_recordings(root)
    chain = process.load_chain("envelope")
    work = shard_work(str(root), "made", chain)
    dask.compute(work.tasks, scheduler="synchronous")
    finish_strides(work)
    publish(str(root), chain.name, ["made"])
    return root


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "copy"))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["biomech-xr", "counts", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def row(found: dict[str, Any], activity: str, side: str) -> dict[str, Any]:
    return next(one for one in found["counts"] if (one["activity"], one["side"]) == (activity, side))


def test_recordings_are_counted_before_any_processing(store: Path) -> None:
    found = count_strides(str(store))
    left, right = row(found, "walk", "left"), row(found, "walk", "right")
    assert (left["strides"], left["people"]) == (2 * 3 + 1, 2)
    assert (right["strides"], right["people"]) == (2 * 3 + 3, 2)
    assert row(found, "all", "all")["strides"] == 16
    assert left["rates"]["emg"]["hz"] == [1000, 2000]
    assert right["rates"]["emg"] == {"hz": [1000], "points": [], "range": [], "kinds": ["continuous", "ragged"]}
    assert right["samples"]["max"] == 1100
    assert right["samples"]["min"] == 1000
    assert left["duration"]["max"] == pytest.approx(LONG)
    assert left["duration"]["outliers"] == 2
    assert right["duration"]["outliers"] == 0
    assert right["coverage"]["kinematics"] == {"strides": pytest.approx(6 / 9), "channels": None}


def test_strides_of_a_chain_are_counted_by_their_masks(store: Path) -> None:
    found = count_strides(str(store), chain="envelope")
    strides = open_strides(str(store))
    assert row(found, "all", "all")["strides"] == strides.sizes["stride"] == 14
    for signal in SIGNALS:
        mask = strides[f"{signal}_mask"].values.reshape(14, -1)
        coverage = row(found, "all", "all")["coverage"][signal]
        assert coverage == {"strides": mask.any(1).mean(), "channels": pytest.approx(mask.mean())}
    assert row(found, "walk", "left")["duration"]["max"] < LONG
    assert row(found, "walk", "right")["samples"]["max"] == 1100


def test_candidates_add_up_by_reason(store: Path) -> None:
    (ledger,) = count_strides(str(store))["ledger"]
    assert ledger["candidates"] == 17
    assert ledger["kept"] == 14
    assert ledger["rejected_at_parse"] == {"too_short": 1}
    assert ledger["rejected_at_process"] == {"too_long": 2}
    assert ledger["holds"]
    assert ledger["errors"] == []


def test_rates_unlike_the_source_or_the_person_are_flagged(store: Path) -> None:
    found = count_strides(str(store))
    (flag,) = [one for one in found["rates"] if one["signal"] == "emg"]
    assert (flag["found"], flag["expected"], flag["against"]) == (2000, 1000, "source")
    assert flag["examples"] == ["made-B walk_0"]


def test_a_source_may_state_several_rates_and_a_person_still_has_one() -> None:
    trials = pd.DataFrame({"patient": ["a", "a", "a", "b"], "trial": list("1234")})
    for signal in SIGNALS:
        trials = trials.assign(**{f"{signal}_kind": "continuous", f"{signal}_rate": 100.0, f"{signal}_points": 0.0})
    trials["emg_rate"] = [800.0, 800.0, 960.0, 960.4]
    (flag,) = rate_flags(trials, [{"rates": {"emg": {"hz": [800, 960], "points": 0, "recorded": []}}}])
    assert (flag["against"], flag["found"], flag["expected"], flag["examples"]) == ("person", 960, 800, ["a 3"])
    trials["kinematics_rate"] = [100.0, 100.0, 100.0, 120.0]
    others = [one for one in rate_flags(trials, []) if one["signal"] == "kinematics"]
    assert [(one["against"], one["found"]) for one in others] == [("other people", 120)]
    trials["kinetics_kind"], trials["kinetics_points"] = "segmented", [101.0, 101.0, 101.0, 201.0]
    (points,) = [one for one in rate_flags(trials, []) if one["signal"] == "kinetics"]
    assert (points["unit"], points["found"], points["expected"]) == ("points", 201, 101)


def test_a_length_that_is_not_the_duration_is_flagged(store: Path) -> None:
    (flag,) = count_strides(str(store))["lengths"]
    assert (flag["signal"], flag["strides"], flag["examples"]) == ("emg", 1, ["made-B cut right 2"])
    assert flag["samples"] == pytest.approx(-2.5)
    frame = read_candidates(str(store), "made", ["made-B"]).strides
    assert length_flags(frame[frame["stride_number"] < 2]) == []


def test_people_who_came_after_processing_break_the_sum(copy: Path, call: Callable[..., Any]) -> None:
    trials = [replace(one, patient=replace(one.patient, source_patient="C")) for one in trials_of("A")]
    write_patient(str(copy), SPEC, trials, config_hash="x")
    code, out, err = call(str(copy))
    assert code == 1
    assert "WRONG" in out
    assert err.startswith(
        "error: made: chain envelope: 12 stride(s) of the recordings neither kept nor rejected: made-C"
    )
    code, out, _ = call(str(copy), "--json")
    assert code == 1
    assert json.loads(out)["ledger"][0]["holds"] is False


def changed(found: Candidates, **tables: pd.DataFrame) -> dict[str, Any]:
    sizes = {name: len(tables.get(name, getattr(found, name))) for name in ("strides", "rejected", "trials")}
    return account(replace(found, ledger=sizes, **tables), None, dataset="made")


def test_a_candidate_that_vanished_or_came_twice_is_an_error(store: Path) -> None:
    found = read_candidates(str(store), "made", ["made-A", "made-B"])
    assert changed(found)["holds"]
    lost = changed(found, strides=found.strides.drop(index=1))
    assert lost["errors"] == ["recordings: 1 number(s) of candidates are neither kept nor rejected"]
    assert lost["candidates"] == 17
    twice = changed(found, strides=pd.concat([found.strides, found.strides.iloc[[0]]], ignore_index=True))
    assert twice["errors"] == ["recordings: 1 candidate(s) twice: made-A walk_0 left 0"]
    table = account(replace(found, rejected=found.rejected.iloc[:0]), None, dataset="made")
    assert table["errors"][0] == "recordings: 0 rows of rejected, the ledgers say 1"


def test_a_product_with_other_strides_is_an_error(store: Path) -> None:
    found = read_candidates(str(store), "made", ["made-A", "made-B"])
    product = read_product(str(store), "envelope", "made", masks=False)
    other = product.strides.assign(stride_number=product.strides["stride_number"] + 40)
    errors = account(found, replace(product, strides=other), dataset="made")["errors"]
    assert [error.partition(":")[2].split(" ")[1] for error in errors] == ["14", "14"]
    fewer = account(found, replace(product, strides=product.strides.iloc[1:]), dataset="made")["errors"]
    assert fewer[0] == "chain envelope: 13 rows of strides, the manifest says 14"


def test_no_signal_is_read(copy: Path) -> None:
    for signal in (*SIGNALS, "kinematics_before", "kinetics_after", "emg_scale"):
        for folder in copy.rglob(f"{signal}/c"):
            shutil.rmtree(folder)
    for chain in (None, "envelope"):
        found = count_strides(str(copy), chain=chain)
        assert row(found, "walk", "left")["strides"] == {None: 7, "envelope": 5}[chain]
        assert all("objects missing or of another size" in text for text in found["incomplete"])
        assert len(found["incomplete"]) == 3


def test_a_store_that_is_not_whole_is_an_error(copy: Path, call: Callable[..., Any]) -> None:
    ledger, product = copy / "recordings" / "made" / "ledger", copy / "strides" / "envelope" / "made"
    whole = count_strides(str(copy))
    assert whole["incomplete"] == []
    next(path for path in product.rglob("part-*.zarr/emg/c/**/*") if path.is_file()).unlink()
    (ledger / "made-B.json").rename(copy / "lost.json")
    shutil.copytree(copy / "strides" / "envelope", copy / "strides" / "other")
    (copy / "strides" / "other" / "made" / "MANIFEST.json").unlink()
    code, _, err = call(str(copy))
    assert code == 1
    assert "made: made-B.zarr: a folder without ledger entry" in err
    assert "made: chain envelope: part-" in err
    assert "(emg 1). Restore them" in err
    assert count_strides(str(copy))["notes"] == ["strides never finished, not counted: made (other)"]
    shutil.copytree(product, copy / "strides" / "other" / "hu")
    code, _, err = call(str(copy), "--chain", "other", "--json")
    assert (code, "made: chain other: strides without MANIFEST.json" in err) == (1, True)


def test_strides_without_recordings_are_named_where_they_are_not_counted(copy: Path) -> None:
    shutil.copytree(copy / "strides" / "envelope" / "made", copy / "strides" / "envelope" / "gait120")
    (note,) = count_strides(str(copy))["notes"]
    assert note.startswith("finished strides but no recordings, not counted here; name the chain (--chain)")
    assert note.endswith(": gait120 (envelope)")


def test_whether_ours_lies_where_it_is_expected_is_said() -> None:
    def fits(dataset: str, strides: int, patients: int) -> Any:
        row = {"dataset": dataset, "strides": strides, "patients": patients}
        return beside_reference([row])[0]["fits"]

    assert [fits("siat", *ours) for ours in ((442, 40), (441, 40), (441, 39), (500, 39))] == [True, False, None, True]
    assert [fits("grimmer", *ours) for ours in ((10_772, 12), (10_773, 12), (10_773, 13))] == [True, False, None]
    assert fits("hu", 1, 10) is None


def test_strides_alone_are_counted_and_what_is_not_known_is_said(copy: Path, call: Callable[..., Any]) -> None:
    shutil.rmtree(copy / "recordings")
    with pytest.raises(NotAStoreError, match="no recordings to count; found strides of envelope"):
        count_strides(str(copy))
    found = count_strides(str(copy), chain="envelope")
    whole = row(found, "all", "all")
    assert whole["strides"] == 14
    assert whole["rates"]["emg"]["hz"] == [1000, 2000]
    assert whole["rates"]["kinematics"]["hz"] == []
    assert found["ledger"][0]["candidates"] == 17
    assert found["ledger"][0]["rejected_at_parse"] == {"not listed here": 1}
    assert found["notes"] == ["no recordings here, so that rates of angles and lengths of signals are not known: made"]
    assert call(str(copy), "--chain", "envelope")[0] == 0


def test_a_chain_that_is_not_there_and_no_store_are_errors(store: Path, tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="no finished strides of chain 'realtime'; chains found: envelope"):
        count_strides(str(store), chain="realtime")
    with pytest.raises(NotAStoreError, match="neither recordings nor strides"):
        count_strides(str(tmp_path))


def test_columns_are_those_of_the_tables(store: Path) -> None:
    opened = open_patient(str(store), "made", "made-B")
    group = StoredGroup(opened.url, opened.ledger)
    for name, table in (("strides", opened.strides), ("trials", opened.trials), ("rejected", opened.rejected)):
        columns = group.table(name, list(table))
        for column in table:
            values = columns.texts(column) if column in columns.categories else columns.values[column]
            expected = table[column].astype(object if column in columns.categories else table[column].dtype)
            pd.testing.assert_series_equal(pd.Series(values, dtype=expected.dtype), expected, check_names=False)
    part = open_part(str(store / "strides" / "envelope" / "made"))
    assert np.array_equal(StoredGroup(part.url, part.manifest).array("emg_mask"), part.read("emg_mask", 0, part.size))


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "metadata"])
def test_a_damaged_table_is_an_error(copy: Path, damage: str) -> None:
    folder = copy / "recordings" / "made" / "made-A.zarr"
    victim = folder / "zarr.json" if damage == "metadata" else folder / "strides" / "float64" / "c" / "0" / "0"
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes(raw[:-3] if damage == "cut" else raw)
    with pytest.raises(LostDataError, match=r"made-A\.zarr"):
        count_strides(str(copy))


def test_real_data_stand_beside_the_reference_and_synthetic_do_not(tmp_path: Path, call: Callable[..., Any]) -> None:
    real = write_recordings(tmp_path / "real", name="grimmer", people=("B",))
    (beside,) = count_strides(real)["reference"]
    assert (beside["strides"], beside["reference_strides"], beside["reference_people"]) == (4, 10_772, 12)
    assert "10,772" in call(real)[1]
    made = write_recordings(tmp_path / "made", name="hu", people=("B",), synthetic=True)
    assert count_strides(made)["reference"] == []
    code, out, _ = call(made)
    assert code == 0
    assert "Synthetic, compared with nothing: hu." in out


def test_tables_fit_100_columns_and_are_markdown_too(
    store: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = call(str(store), "--chain", "envelope", "--markdown")
    assert "| made | all |  | 14 | 2 |" in out
    for sheet in sheets(count_strides(str(store), chain="envelope")):
        widths = [max(len(cells[i]) for cells in (sheet.headings, *sheet.rows)) for i in range(len(sheet.headings))]
        fixed = [width for heading, width in zip(sheet.headings, widths, strict=True) if heading != sheet.long]
        assert sum(fixed) + 2 * len(fixed) <= 100, sheet.title
    assert call("--reference", str(store))[0] == 2
    assert call()[0] == 2


def test_the_reference_adds_up_and_its_page_is_up_to_date(call: Callable[..., Any]) -> None:
    assert sum(one.strides for one in REFERENCE) == TOTAL == 515_880
    assert sum(one.people for one in REFERENCE) == 495
    assert sum(one.more_people for one in REFERENCE) == 50
    assert {one.dataset for one in REFERENCE} == set(names()) - {"falisse", "lab"}
    assert all(one.more or one.fewer for one in REFERENCE)
    assert all(one.more for one in REFERENCE if one.expected == "more")
    assert all(one.fewer for one in REFERENCE if one.expected == "not more")
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(MARKS[0])[2].partition(MARKS[1])[0].strip() == reference_sheet().markdown().strip()
    assert call("--reference", "--markdown")[1].strip() == reference_sheet().markdown().strip()
    assert json.loads(call("--reference", "--json")[1])["strides"] == TOTAL


def test_tables_of_full_size_take_seconds() -> None:
    rng = np.random.default_rng(0)
    started = time.process_time()
    for one in REFERENCE:
        codes = rng.integers(0, one.people, one.strides)
        patient = pd.Categorical.from_codes(codes, categories=[f"p{i}" for i in range(one.people)])
        duration = rng.normal(1.1, 0.08, one.strides)
        duration[:3] = 5.0
        columns = {"patient": patient, "person_group": patient, "duration": duration}
        columns |= {"activity": pd.Categorical.from_codes(rng.integers(0, 3, one.strides), ["walk", "turn", "run"])}
        columns |= {"side": pd.Categorical.from_codes(rng.integers(0, 2, one.strides), ["left", "right"])}
        kind = pd.Categorical.from_codes(np.zeros(one.strides, dtype=np.int8), ["continuous"])
        for signal in SIGNALS:
            columns |= {f"{signal}_{name}": value for name, value in {"rate": 1000.0, "there": True}.items()}
            columns |= {f"{signal}_kind": kind, f"{signal}_samples": np.round(1000 * duration)}
        whole = count_rows(pd.DataFrame(columns))[0]
        assert whole["strides"] == one.strides
        assert whole["duration"]["outliers"] >= 3
    assert time.process_time() - started < 5
