"""The command line, called as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from biomech_xr import cli
from biomech_xr.datasets import get_dataset, names
from biomech_xr.store import Part, PatientRecordings, summarize
from biomech_xr.store.layout import patient_ledger_url
from biomech_xr.store.objects import read_sealed, write_sealed
from tests.quality.bibtex import parse as parse_bibtex
from tests.quality.small_stores import strides_of, write_person


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["biomech-xr", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_datasets_lists_every_source_with_all_its_facts(capsys, monkeypatch) -> None:
    code, out, _ = call(capsys, monkeypatch, "datasets", "--json")
    listed = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert sorted(listed) == names()
    assert listed["falisse"]["reader"] == "checked on real file"
    assert listed["hu"]["reader"] == "on notes only"
    told = ("licence", "licence_use", "host", "line_frequency", "emg_state", "upstream_filters", "sides", "reader")
    assert [(name, fact) for name, row in listed.items() for fact in told if not row[fact]] == []
    may_be_unknown = {"doi", "data_doi", "citation", "reference", "rates", "laboratory", "known_defects", "assumptions"}
    assert all(may_be_unknown <= set(row) for row in listed.values())
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = call(capsys, monkeypatch, "datasets")
    assert all(name in out for name in names())
    assert "non-commercial" in out


def test_one_source_is_shown_in_full(capsys, monkeypatch) -> None:
    spec = get_dataset("k2muse").spec
    code, out, _ = call(capsys, monkeypatch, "datasets", "k2muse")
    shown = " ".join(out.split())
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    told = (spec.citation, spec.doi, spec.licence, spec.laboratory, spec.upstream_filters, "1000 Hz", "non-commercial")
    assert [text for text in (*told, *spec.known_defects, *spec.assumptions) if text not in shown] == []
    code, out, _ = call(capsys, monkeypatch, "datasets", "k2muse", "--json")
    assert json.loads(out)["licence_use"] == "non_commercial"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store of one open source, recordings and strides, and one that is not."""
    root = str(tmp_path_factory.mktemp("two"))
    write_person(root, "camargo", licence="CC BY 4.0", licence_use="open")
    write_person(root, "k2muse", person="P1", licence="CC BY-NC-SA 4.0", licence_use="non_commercial")
    write_person(root, "k2muse", person="P2", licence="CC BY-NC-SA 4.0", licence_use="non_commercial")
    strides_of("camargo", licence="CC BY 4.0", licence_use="open").write(root)
    return root


def test_info_tells_licences_and_reasons_without_reading_a_signal(capsys, monkeypatch, store: str) -> None:
    monkeypatch.setattr(PatientRecordings, "read", None)
    monkeypatch.setattr(Part, "read", None)
    code, out, _ = call(capsys, monkeypatch, "info", store, "--json")
    told = json.loads(out)
    assert code == 0
    rows = {row["dataset"]: row for row in told["recordings"]}
    assert rows["k2muse"]["reader"] == "on notes only"
    assert rows["k2muse"]["licence_use"] == "non_commercial"
    assert told["rejected"] == [
        {"stage": "parse", "chain": "", "dataset": "camargo", "reason": "too_long", "candidates": 1},
        {"stage": "parse", "chain": "", "dataset": "k2muse", "reason": "too_long", "candidates": 2},
        {"stage": "process", "chain": "envelope", "dataset": "camargo", "reason": "too_long", "candidates": 1},
    ]
    code, out, _ = call(capsys, monkeypatch, "info", store)
    assert code == 0
    assert "too_long" in out
    assert "real_file" not in out


def test_info_reads_the_tables_of_people_whose_ledger_names_no_reasons(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_person(root, "hu", person="P1")
    write_person(root, "hu", person="P2")
    url = patient_ledger_url(root, "hu", "hu-P1")
    entry = read_sealed(url)
    assert entry.pop("reasons") == {"too_long": 1}
    write_sealed(url, entry)
    assert [row["candidates"] for row in summarize(root)["rejected"]] == [2]


def test_cite_prints_a_store_or_sources_by_name(capsys, monkeypatch, store: str) -> None:
    code, out, _ = call(capsys, monkeypatch, "cite", store)
    assert code == 0
    assert [entry.key for entry in parse_bibtex(out)] == ["camargo2021", "k2muse2026", "biomech_xr"]
    code, out, _ = call(capsys, monkeypatch, "cite", "hu", "camargo", "hu", "--json")
    told = json.loads(out)
    assert code == 0
    assert [row["key"] for row in told["sources"]] == ["camargo2021", "hu2018"]
    assert "".join(row["bibtex"] for row in told["sources"]).count("@article") == 2
    assert [entry.key for entry in parse_bibtex(told["bibtex"])] == ["camargo2021", "hu2018", "biomech_xr"]


def test_cite_public_is_refused_where_a_licence_is_not_open(capsys, monkeypatch, store: str) -> None:
    code, out, err = call(capsys, monkeypatch, "cite", store, "--public")
    assert (code, out) == (2, "")
    assert err.startswith("error: not to be made public: 1 of 2 source(s)")
    assert "k2muse: licence: CC BY-NC-SA 4.0; use: non-commercial" in err
    code, out, _ = call(capsys, monkeypatch, "cite", "camargo", "--public")
    assert code == 0
    assert "@article{camargo2021," in out


def test_a_name_that_is_a_store_too_is_refused(capsys, monkeypatch, tmp_path: Path) -> None:
    write_person(str(tmp_path / "camargo"), "k2muse", licence_use="open")
    (tmp_path / "hu").mkdir()
    monkeypatch.chdir(tmp_path)
    for given in (["camargo", "--public"], ["hu", "camargo"]):
        code, out, err = call(capsys, monkeypatch, "cite", *given)
        assert (code, out) == (2, "")
        assert "'camargo': found a store of that name in this folder and a source" in err
        assert "./camargo for the store, or --source" in err
    code, _, err = call(capsys, monkeypatch, "cite", "./camargo", "--public")
    assert code == 2
    assert "k2muse: licence: CC BY-NC-SA 4.0; use: non-commercial" in err
    code, out, _ = call(capsys, monkeypatch, "cite", "camargo", "--source", "--public")
    assert code == 0
    assert "@article{camargo2021," in out
    code, _, err = call(capsys, monkeypatch, "cite", "./camargo", "--source")
    assert code == 2
    assert "is not known" in err
    code, out, _ = call(capsys, monkeypatch, "cite", "hu")
    assert code == 0, "a folder that is no store is nothing to be taken for"


def test_cite_public_names_what_was_not_committed(capsys, monkeypatch, tmp_path: Path) -> None:
    write_person(str(tmp_path), "camargo", licence_use="open")
    code, _, _ = call(capsys, monkeypatch, "cite", str(tmp_path), "--public")
    assert code == 0
    loose = tmp_path / "strides" / "envelope" / "k2muse"
    loose.mkdir(parents=True)
    (loose / "zarr.json").write_text("{}", encoding="utf-8")
    code, out, err = call(capsys, monkeypatch, "cite", str(tmp_path), "--public")
    assert (code, out) == (2, "")
    assert "strides/envelope/k2muse: not a strides store of biomech-xr (no MANIFEST.json)" in err


def test_synth_writes_a_tree_once(capsys, monkeypatch, tmp_path: Path) -> None:
    tree = tmp_path / "falisse"
    code, out, _ = call(capsys, monkeypatch, "synth", "falisse", "--patients", "1", "--out", str(tree))
    assert code == 0
    assert "11 strides" in out
    assert (tree / "SYNTHETIC.txt").is_file()
    code, _, err = call(capsys, monkeypatch, "synth", "falisse", "--patients", "1", "--out", str(tree))
    assert code == 2
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synth", "huu", "--out", "{tmp}/x"], "did you mean 'hu'"),
        (["synth", "hu", "--patients", "99", "--out", "{tmp}/x"], "expected 1 to 10"),
        (["synth", "hu", "--out", "{tmp}/file"], "file"),
        (["datasets", "huu"], "did you mean 'hu'"),
        (["cite", "{tmp}/nowhere"], "neither recordings nor strides"),
        (["cite", "camrgo"], "did you mean 'camargo'"),
        (["cite", "hu", "{tmp}"], "is not known"),
        (["info", "{tmp}/nowhere"], "neither recordings nor strides"),
        (["report", "{tmp}", "--out", "{tmp}/r.html"], "{tmp}"),
    ],
)
def test_a_mistake_is_one_clear_error(capsys, monkeypatch, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    filled = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    code, _, err = call(capsys, monkeypatch, *filled)
    assert code == 2
    assert err.startswith("error: ")
    assert message.replace("{tmp}", str(tmp_path)) in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
