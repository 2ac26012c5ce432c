"""The units of work: what counts as done, and what does not belong into one store."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from biomech_xr.errors import DataFormatError, OccupiedError
from biomech_xr.process import load_chain, make_plan
from biomech_xr.run import parse_patient, pending_patients
from biomech_xr.store import list_patients, read_manifest
from biomech_xr.synthetic import write
from pipelines import parse, process
from tests.clusters import cluster_here


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with raw files of two people, and a store of the first."""
    folder = tmp_path_factory.mktemp("begun")
    write("lab", folder / "raw", patients=2, minutes=0.1)
    both = keep_one_person(folder / "raw")
    parse_patient("lab", str(folder / "raw"), str(folder / "store"), "P01")
    (folder / "raw" / "lab.yaml").write_text(both, encoding="utf-8")
    return folder


@pytest.fixture
def lab(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun / "raw", tmp_path / "raw"))


@pytest.fixture
def store(begun: Path, tmp_path: Path) -> str:
    return str(shutil.copytree(begun / "store", tmp_path / "store"))


def keep_one_person(raw: Path) -> str:
    mapping = (raw / "lab.yaml").read_text(encoding="utf-8")
    people = mapping.index("  - id: P02") if "  - id: P02" in mapping else mapping.index("- id: P02")
    end = mapping.index("activity:")
    (raw / "lab.yaml").write_text(mapping[:people] + mapping[end:], encoding="utf-8")
    return mapping


def test_a_person_added_to_the_mapping_joins_those_that_are_there(lab: Path, store: str) -> None:
    both = keep_one_person(lab)
    assert pending_patients("lab", lab, store) == ([], ["P01"])
    (lab / "lab.yaml").write_text(both, encoding="utf-8")
    assert pending_patients("lab", lab, store) == (["P02"], ["P01"])
    parse_patient("lab", str(lab), store, "P02")
    assert make_plan(store, "lab", load_chain("envelope")).labels["patient"].nunique() == 2


def test_a_corrected_mapping_is_not_mistaken_for_done_work(lab: Path, store: str) -> None:
    mapping = (lab / "lab.yaml").read_text(encoding="utf-8")
    corrected = mapping.replace("muscle: soleus", "muscle: gluteus_medius", 1)
    assert corrected != mapping
    (lab / "lab.yaml").write_text(corrected, encoding="utf-8")
    with pytest.raises(OccupiedError, match=r"lab: .*P01 parsed by another .*mapping"):
        pending_patients("lab", lab, store)


def test_synthetic_people_do_not_mix_with_recorded_ones(lab: Path, store: str) -> None:
    assert pending_patients("lab", lab, store) == (["P02"], ["P01"])
    (lab / "SYNTHETIC.txt").unlink()
    with pytest.raises(OccupiedError):
        pending_patients("lab", lab, store)


def cut_file(raw: Path) -> str:
    file = next(raw.glob("AB06/*/treadmill/emg/*.mat"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file.name


def one_file(raw: Path) -> Path:
    """Return a file of a person whose others are removed."""
    first, *others = sorted(raw.glob("AB156/**/*_post.csv"))
    for file in others:
        file.unlink()
    return first


def empty_channel(raw: Path) -> str:
    file = one_file(raw)
    table = pd.read_csv(file, dtype=str)
    table["Right_TA"] = "NaN"
    table.to_csv(file, index=False, na_rep="NaN")
    return "Right_TA"


def no_events(raw: Path) -> str:
    file = one_file(raw)
    table = pd.read_csv(file, dtype=str)
    table[[name for name in table if "Contact" in name or "Toe_Off" in name]] = "NaN"
    table.to_csv(file, index=False, na_rep="NaN")
    return "strides"


@pytest.mark.parametrize(
    ("dataset", "patient", "spoil"),
    [("camargo", "AB06", cut_file), ("hu", "AB156", empty_channel), ("hu", "AB156", no_events)],
)
def test_bad_raw_files_are_one_clear_error_and_leave_no_patient(
    tmp_path: Path, dataset: str, patient: str, spoil: Callable[[Path], str]
) -> None:
    raw, root = tmp_path / "raw", str(tmp_path / "store")
    write(dataset, raw, patients=1, minutes=0.1)
    named = spoil(raw)
    with pytest.raises(DataFormatError, match=rf"{dataset}: .*{re.escape(named)}.*found .*expected ") as caught:
        parse_patient(dataset, str(raw), root, patient)
    assert len(str(caught.value).splitlines()) == 1
    assert list_patients(root) == []


@pytest.mark.cluster
def test_the_pipelines_join_a_running_scheduler(tmp_path: Path) -> None:
    raw, root = tmp_path / "raw", str(tmp_path / "store")
    write("lencioni", raw, patients=2, minutes=0.1)
    with cluster_here() as address:
        where = {"store": root, "cluster": address}
        assert address.startswith("tcp://")
        assert parse.run(parse.ParseConfig.of({**where, "sources": {"lencioni": {"raw": str(raw)}}})) == 0
        assert process.run(process.ProcessConfig.of(where)) == 0
    assert len(list_patients(root)) == 2
    assert read_manifest(f"{root}/strides/envelope/lencioni")["counts"]["patients"] == 2
