"""Names of people and trials are safe before they become paths, through a whole parse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr import parse
from biomech_xr.datasets.spec import Dataset
from biomech_xr.errors import BiomechXRError, DataFormatError, StoreError
from biomech_xr.run.parse import parse_patient, pending_patients
from biomech_xr.schema import Trial
from biomech_xr.store import open_recordings
from biomech_xr.store.layout import LONGEST_NAME, check_names, checked_name, name_problem
from tests.process.patients import SPEC, walking_trial

HOSTILE = [
    "",
    ".",
    "..",
    "../../out",
    "a/b",
    "a\\b",
    "C:",
    "a\nb",
    "a\0b",
    "walk\u202egnp",
    "zero\u200bwidth",
    "\ud800",
    "glob*",
    "[ab]",
    "what?",
    "x#1",
    ".hidden",
    "dot.",
    "space ",
    "NUL",
    "com1.txt",
    "e\u0301",
    "x" * (LONGEST_NAME + 1),
    "\u00a0",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_never_become_paths(name: str) -> None:
    assert name_problem(name)
    with pytest.raises(StoreError, match="no name of a folder"):
        checked_name(name)


@pytest.mark.parametrize("name", ["AB06", "P1_V1_T2", "Müller 3 (left)", "歩行-1", "level-1.25", "x" * LONGEST_NAME])
def test_ordinary_names_are_left_alone(name: str) -> None:
    assert name_problem(name) == ""
    assert checked_name(name) == name


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_name_that_passes_is_one_step_of_a_path(name: str) -> None:
    if not name_problem(name):
        root = Path("/store/recordings")
        assert (root / f"{name}.zarr").resolve().parent == root
        assert len(f".{name}.json.{'0' * 32}.tmp".encode()) < 255


def test_names_that_differ_in_capitals_alone_are_refused() -> None:
    check_names(["AB1", "AB2", "AB1"], kind="patient", dataset="hu", known=["AB1"])
    for names, beside in ((["AB1", "ab1"], []), (["ab1"], ["AB1"]), (["Straße", "STRASSE"], []), (["\u2460"], ["1"])):
        with pytest.raises(DataFormatError, match=r"hu: a\.csv: patient; found .* differs in capitals or variants"):
            check_names(names, kind="patient", dataset="hu", file="a.csv", known=beside)


def _fake(monkeypatch: pytest.MonkeyPatch, people: list[str], trials: list[str]) -> None:
    """Make `made` a source with these people and, for each, these trials."""

    def recordings(_root: Path, patient: str, _options: object) -> Iterator[Trial]:
        for name in trials:
            yield walking_trial(person=patient, trial=name, seconds=3.0)

    source = Dataset(spec=SPEC, options={}, facts=lambda _: SPEC, patients=lambda _: people, recordings=recordings)
    for module in (parse.trials, parse.options):
        monkeypatch.setattr(module, "get_dataset", lambda _: source)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["patient", "trial"])
def test_a_whole_parse_refuses_hostile_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: str
) -> None:
    raw, root = tmp_path / "raw", tmp_path / "deep" / "store"
    raw.mkdir()
    _fake(monkeypatch, ["A", name] if kind == "patient" else ["A"], ["t1", name] if kind == "trial" else ["t1"])
    with pytest.raises(BiomechXRError) as caught:
        parse_patient("made", str(raw), str(root), name if kind == "patient" else "A")
    if kind == "patient":
        with pytest.raises(DataFormatError, match=r"made: .*raw: patient; found"):
            pending_patients("made", raw, str(root))
    text = str(caught.value)
    assert text.startswith("made: ")
    assert ascii(name) in text
    assert kind in text
    verdict = root / "recordings" / "made" / "ledger" / "made-A.failed"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == ([verdict] if kind == "trial" else [])


def test_a_parse_of_ordinary_names_goes_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _fake(monkeypatch, ["Müller", "B"], ["t 1", "t(2)"])
    todo, _ = pending_patients("made", tmp_path, str(tmp_path / "store"))
    for patient in todo:
        parse_patient("made", str(tmp_path), str(tmp_path / "store"), patient)
    assert "made-Müller" in open_recordings(str(tmp_path / "store"))
    _fake(monkeypatch, ["MÜLLER"], ["t 1"])
    with pytest.raises(DataFormatError, match="differs in capitals"):
        parse_patient("made", str(tmp_path), str(tmp_path / "store"), "MÜLLER")
