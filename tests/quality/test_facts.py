"""The facts of the catalogue agree with each other, and those that shape no number change no store."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from biomech_xr.datasets import DatasetSpec, get_dataset, names
from biomech_xr.datasets.spec import BIBLIOGRAPHIC, LICENCE_USES, Rate, Reference
from biomech_xr.errors import OccupiedError
from biomech_xr.quality.catalog import facts, rate_text, source_page, sources_table
from biomech_xr.run import parse, parse_patient, pending_patients
from biomech_xr.synthetic import write
from tests.store.samples import make_spec

HEDGES = ("not verified", "not known", "not stated", "believed", "states it", "the lab's own")
SPECS = [get_dataset(name).spec for name in names()]


@pytest.mark.parametrize("spec", SPECS, ids=names())
def test_the_class_of_a_licence_follows_from_its_text(spec: DatasetSpec) -> None:
    assert spec.licence_use in LICENCE_USES
    hedged = any(hedge in spec.licence for hedge in HEDGES)
    assert (spec.licence_use == "unknown") == hedged
    assert (spec.licence_use == "non_commercial") == ("NC" in spec.licence)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.name != "lab"], ids=lambda spec: spec.name)
def test_rates_are_of_the_signals_that_a_source_has(spec: DatasetSpec) -> None:
    assert set(spec.rates) <= {"emg", "kinematics", "kinetics", "forces"}
    for signal, columns in (("emg", spec.emg), ("kinematics", spec.angles), ("kinetics", spec.moments)):
        assert (signal in spec.rates) == bool(columns)
    emg = spec.rates["emg"]
    assert not emg.hz or emg.points or spec.emg_rate in emg.hz


def test_rates_read_well() -> None:
    rates = {"emg": Rate(hz=(800.0, 960.0, 1000.0)), "kinetics": Rate(points=101, recorded=(60.0, 200.0))}
    spec = replace(get_dataset("hu").spec, rates={**rates, "forces": Rate()})
    assert rate_text(spec, "emg") == "800, 960 or 1000 Hz"
    assert rate_text(spec, "kinetics") == "101 points a stride, recorded at 60 or 200 Hz"
    assert rate_text(spec, "forces") == "rate not stated"
    assert rate_text(spec, "kinematics") == "none"


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("macaluso", "3000 points a stride"),
        ("embry", "150 points a stride"),
        ("falisse", "100 points a stride"),
        ("moreira", "1001 points a stride"),
        ("angelidou", "rate not stated"),
        ("moghadam", "rate not stated"),
        ("gait120", "2000 Hz"),
    ],
)
def test_no_page_names_a_rate_that_the_files_do_not_have(name: str, rate: str) -> None:
    dataset = get_dataset(name)
    listed = sources_table([dataset.spec])
    assert f", {rate}" in listed
    assert f"({rate})" in source_page(dataset)
    nominal = f" {dataset.spec.emg_rate:g} Hz"
    assert (nominal in listed) == (dataset.spec.emg_rate in dataset.spec.rates["emg"].hz)
    assert "emg_rate" not in facts(dataset)


def test_sources_of_one_laboratory_name_it_alike() -> None:
    places = {spec.name: spec.laboratory for spec in SPECS}
    assert places["embry"] == places["macaluso"] != ""
    assert places["lencioni"] == "IRCCS Fondazione Don Carlo Gnocchi, Milan"
    assert places["k2muse"] == "Shenyang Institute of Automation"
    assert places["hu"] == "", "not stated"
    assert places["siat"] == "", "an abbreviation in the name of the data names no place"


def test_a_citation_is_made_of_the_reference() -> None:
    reference = Reference(authors="A B, C D", journal="J", volume="1", number="2", pages="3", year=2020)
    assert reference.text("T") == "A B, C D. J 2020; 1(2):3."
    assert Reference(authors="A B", publisher="P", year=2020).text("T") == "A B. T. P 2020."
    assert Reference().text("T") == ""
    assert make_spec(citation="as given", reference=reference).citation == "as given"


def test_of_two_forms_of_emg_the_one_that_is_read_by_default_comes_first() -> None:
    dataset = get_dataset("bacek")
    listed, page = sources_table([dataset.spec]), source_page(dataset)
    assert "8 muscles, raw, 2000 Hz; or envelope, 1001 points a stride |" in listed
    assert "State `raw` (2000 Hz) or `envelope` (1001 points a stride), unit" in page
    assert "envelope, 2000 Hz" not in listed + page


def test_the_catalogue_is_plain_json() -> None:
    listed = facts(get_dataset("lencioni"))
    assert listed["kinematics_lookahead"] is None
    assert listed["rates"]["forces"] == {
        "hz": [800.0, 960.0],
        "points": 0,
        "recorded": [],
        "state": "",
        "isolated": False,
    }
    assert listed["rates"]["emg"]["isolated"]
    assert listed["emg_sides"] == ["right"]


OTHER: dict[str, Any] = {
    "reference": Reference(authors="A B"),
    "rates": {"emg": Rate(points=3)},
    "people": 99,
    "licence_use": "open",
}


@pytest.mark.parametrize("name", sorted(BIBLIOGRAPHIC))
def test_what_is_only_said_of_a_source_leaves_its_hash(name: str) -> None:
    spec = make_spec()
    other = replace(spec, **{name: OTHER.get(name, "other")})
    assert getattr(other, name) != getattr(spec, name)
    assert parse._facts_hash(other) == parse._facts_hash(spec)


def test_what_shapes_numbers_changes_the_hash() -> None:
    spec = make_spec()
    changed = {
        "line_frequency": 50.0,
        "emg_rate": 2000.0,
        "emg_unit": "mV",
        "reader_version": "2",
        "settings": "x",
        "synthetic": True,
        "known_defects": ("x",),
        "maximum_duration": 2.0,
    }
    hashes = {parse._facts_hash(replace(spec, **{name: value})) for name, value in changed.items()}
    assert len(hashes | {parse._facts_hash(spec)}) == len(changed) + 1
    assert {field.name for field in fields(DatasetSpec)} >= BIBLIOGRAPHIC


def test_a_licence_that_was_cleared_up_asks_for_no_new_store(tmp_path: Path, monkeypatch) -> None:
    raw, root = tmp_path / "raw", str(tmp_path / "store")
    write("falisse", raw, patients=1)
    parse_patient("falisse", str(raw), root, "subject1")
    now = parse.read_facts
    cleared = {"licence": "CC0", "licence_use": "open", "laboratory": "here", "doi": "10.1/new"}
    monkeypatch.setattr(parse, "read_facts", lambda *given: replace(now(*given), **cleared))
    assert pending_patients("falisse", raw, root) == ([], ["subject1"])
    monkeypatch.setattr(parse, "read_facts", lambda *given: replace(now(*given), reader_version="next"))
    with pytest.raises(OccupiedError, match="another reader version"):
        pending_patients("falisse", raw, root)
