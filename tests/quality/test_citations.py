"""What is cited for a store: exactly its sources, readable by BibTeX, with licences that are kept to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from biomech_xr import __version__, open_recordings, open_strides
from biomech_xr.datasets import DatasetSpec, get_dataset, names
from biomech_xr.datasets.spec import Reference
from biomech_xr.errors import ConfigError, NotAStoreError, StoreError
from biomech_xr.quality import citations
from biomech_xr.quality.citations import (
    SOFTWARE,
    bibliography,
    cite_names,
    cite_store,
    escape,
    require_public,
    verbatim,
)
from biomech_xr.store import summarize
from biomech_xr.store.attributes import licence_attrs
from biomech_xr.store.ledger import spec_facts
from biomech_xr.store.objects import read_sealed, write_json, write_sealed
from biomech_xr.store.summary import unaccounted
from tests.quality.bibtex import authors, parse, plain
from tests.quality.small_stores import strides_of, write_person
from tests.store.samples import make_spec

OPEN = {"licence": "CC BY 4.0", "licence_use": "open"}
NASTY = r"50 % of {Ωmega} & $5_000 #1 ~ \LaTeX ^2, a@b } {"


@pytest.mark.parametrize("name", names())
def test_every_source_can_be_read_back(name: str) -> None:
    (entry, software) = parse(bibliography(cite_names([name])))
    spec = get_dataset(name).spec
    reference = spec.reference
    assert entry.kind == ("article" if reference.journal else "misc")
    assert entry.key == f"{name}{reference.year or ''}"
    assert plain(entry.fields["title"]) == (reference.title or spec.title)
    assert entry.fields.get("doi", "") == spec.doi
    known = ("journal", "volume", "number", "pages")
    told = {field: getattr(reference, field) for field in known} | {"howpublished": reference.publisher}
    told |= {"year": str(reference.year or "")}
    assert {field: entry.fields[field] for field in entry.fields if field in told} == {
        field: value for field, value in told.items() if value
    }
    listed = [author for author in reference.authors.split(", ") if author]
    found = authors(entry.fields["author"]) if listed else []
    again = [author.replace(",", "").replace(". ", "").rstrip(".") for author in found]
    assert again == ["others" if author == "et al" else author for author in listed]
    assert spec.licence in plain(entry.fields["note"])
    assert spec.licence in entry.comment
    assert software.key == "biomech_xr"


def test_the_software_is_cited_as_its_own_file_says() -> None:
    stated = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8"))
    assert stated["title"] == plain(SOFTWARE["title"])
    assert [author["name"] for author in stated["authors"]] == [plain(SOFTWARE["author"])]
    assert stated["version"] == SOFTWARE["version"] == __version__
    assert stated["license"] in SOFTWARE["note"]


def test_special_characters_survive() -> None:
    text = f"% x\n@misc{{k,\n  note = {{{escape(NASTY)}}},\n}}\n"
    assert plain(parse(text)[0].fields["note"]) == NASTY
    assert verbatim("10.1/a_b{c} d") == "10.1/a_b%7Bc%7D%20d"


def test_nasty_facts_of_own_files_are_cited_whole(tmp_path: Path) -> None:
    reference = Reference(authors="De la Örnæs ÅB, Rock and Roll AB, The #1 Lab, et al", journal=NASTY, pages="3-9")
    write_person(
        str(tmp_path), "ours", title=NASTY, licence=NASTY, reference=reference, host="a\nb @ c", doi="10.1/x_y"
    )
    (entry, _) = parse(bibliography(cite_store(str(tmp_path))))
    assert plain(entry.fields["title"]) == plain(entry.fields["journal"]) == NASTY
    assert entry.fields["author"].startswith("De la Örnæs, Å. B. and {Rock and Roll AB} and ")
    assert plain(entry.fields["author"]).endswith("The #1 Lab and others")
    assert entry.fields["pages"] == "3--9"
    assert entry.fields["doi"] == "10.1/x_y"
    assert "a b @ c" in plain(entry.fields["note"])


def test_a_store_cites_exactly_what_it_contains(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_person(root, "camargo", **OPEN)
    strides_of("camargo", **OPEN).write(root)
    strides_of("gait120", **OPEN).write(root)
    write_json(f"{root}/people/table-00001.json", {})
    write_json(f"{root}/splits/default.json", {})
    found = cite_store(root)
    require_public(found, unaccounted(root))
    assert unaccounted(root) == []
    strides_of("hu").create(root)
    assert cite_store(root) == found
    assert [one.name for one in found] == ["camargo", "gait120"]
    assert [entry.key for entry in parse(bibliography(found))] == ["camargo2021", "gait1202025", "biomech_xr"]
    assert bibliography(found) == bibliography(cite_store(root))


def test_the_catalogue_speaks_for_a_published_source_and_the_store_for_own_files(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_person(root, "hu", licence="CC BY 4.0", licence_use="open", doi="10.1/old")
    write_person(root, "lab", licence="CC0", licence_use="open", reference=Reference(authors="Our B", year=2020))
    hu, lab = cite_store(root)
    assert (hu.licence, hu.licence_use, hu.doi) == (
        *("not verified (figshare's default is CC BY 4.0)", "unknown"),
        hu.doi,
    )
    assert hu.doi == get_dataset("hu").spec.doi
    assert (lab.key, lab.licence, lab.licence_use) == ("lab2020", "CC0", "open")


def test_the_strictest_person_decides(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_person(root, "lab", person="P1", licence="CC BY-NC", licence_use="non_commercial")
    write_person(root, "lab", person="P2", licence="CC0", licence_use="open", synthetic=True)
    (lab,) = cite_store(root)
    assert lab.licence_use == "non_commercial"
    assert lab.licence == "CC BY-NC; CC0"
    assert "some people are made up" in lab.comment


def test_public_names_every_source_that_is_not_open(tmp_path: Path) -> None:
    root = str(tmp_path)
    for name in ("camargo", "k2muse", "bacek"):
        write_person(root, name, synthetic=name == "k2muse", **OPEN)
    with pytest.raises(ConfigError, match=r"2 of 3 source\(s\) have no open licence") as refused:
        require_public(cite_store(root))
    text = str(refused.value)
    assert "bacek: licence: not verified; use: not verified" in text
    assert "k2muse: licence: CC BY-NC-SA 4.0; use: non-commercial; the people are made up" in text
    assert "camargo" not in text


def holding(monkeypatch: pytest.MonkeyPatch, *facts: DatasetSpec) -> None:
    """Let a store hold these facts of one source."""
    monkeypatch.setattr(citations, "source_facts", lambda _: {facts[0].name: [spec_facts(one) for one in facts]})


def test_the_stricter_of_catalogue_and_store_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    holding(monkeypatch, make_spec("camargo", licence="CC BY-NC 4.0", licence_use="non_commercial"))
    (camargo,) = cite_store("store")
    assert camargo.licence_use == "non_commercial"
    assert camargo.licence == "CC BY 4.0 (the store says: CC BY-NC 4.0; use: non-commercial)"
    with pytest.raises(ConfigError, match="camargo: licence: CC BY 4"):
        require_public([camargo])


def test_every_publication_of_own_files_is_cited(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = make_spec("lab", citation="Ours A. Walking 100 %.", doi="10.1/a", data_doi="", **OPEN)
    theirs = make_spec("lab", citation="Theirs B. Running.", doi="10.1/b", data_doi="", licence="CC BY-NC 4.0")
    holding(monkeypatch, ours, theirs, ours)
    found = cite_store("store")
    first, second, _ = parse(bibliography(found))
    assert [first.key, second.key] == ["lab", "lab-2"]
    assert [first.fields["doi"], second.fields["doi"]] == ["10.1/a", "10.1/b"]
    note = "Cite as: Ours A. Walking 100 %. Data: example.org. Licence: CC BY 4.0; use: open"
    assert plain(first.fields["note"]) == note
    assert plain(second.fields["note"]).startswith("Cite as: Theirs B. Running. Data: example.org. Licence: CC BY-NC")
    with pytest.raises(ConfigError, match=r"1 of 1 source\(s\)"):
        require_public(found)


@pytest.mark.parametrize("name", ["recordings/k2muse", "strides/envelope/k2muse"])
def test_a_folder_that_was_renamed_is_an_error(tmp_path: Path, name: str) -> None:
    root, folder = str(tmp_path), tmp_path / name
    if name.startswith("strides"):
        strides_of("k2muse").write(root)
    else:
        write_person(root, "k2muse")
    renamed = folder.rename(folder.with_name("camargo"))
    told = "found dataset 'k2muse', expected 'camargo'"
    for ask in (cite_store, summarize, unaccounted):
        with pytest.raises(StoreError, match=told):
            ask(root)
    if name.startswith("strides"):
        renamed.rename(folder)
        folder.parent.rename(folder.parent.with_name("other"))
        with pytest.raises(StoreError, match="found chain 'envelope', expected 'other'"):
            cite_store(root)
        manifest = tmp_path / "strides" / "other" / "k2muse" / "MANIFEST.json"
        sealed = read_sealed(manifest)
        write_sealed(manifest, {**sealed, "chain": "other", "spec": {**sealed["spec"], "name": "camargo"}})
        with pytest.raises(StoreError, match="found dataset 'camargo', expected 'k2muse'"):
            cite_store(root)


def test_what_no_ledger_lists_is_not_made_public(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_person(root, "camargo", **OPEN)
    strides_of("k2muse").create(root)
    folder = tmp_path / "recordings" / "camargo"
    for loose in (folder / "camargo-P1.zarr", folder / "camargo-P2.zarr", folder / "hidden.zarr.tmp", tmp_path / "raw"):
        loose.mkdir(exist_ok=True)
        (loose / "more").write_bytes(b"1")
    found = unaccounted(root)
    told = (
        f"{tmp_path}/raw: in no ledger or manifest: 1 object(s), first raw/more",
        "camargo-P1.zarr: in no ledger or manifest: 1 object(s), first recordings/camargo/camargo-P1.zarr/more",
        "camargo-P2.zarr: in no ledger or manifest",
        "hidden.zarr.tmp: in no ledger or manifest",
        "was never finished",
    )
    assert [text for text in told if not any(text in line for line in found)] == []
    assert len(found) == len(told)
    with pytest.raises(ConfigError, match="nothing says whose data these are") as refused:
        require_public(cite_store(root), found)
    assert all(line in str(refused.value) for line in found)


def test_made_up_people_are_no_data_of_the_source(tmp_path: Path) -> None:
    write_person(str(tmp_path), "camargo", synthetic=True)
    (entry, _) = parse(bibliography(cite_store(str(tmp_path))))
    assert "The people are made up: only their format is the source's" in plain(entry.fields["note"])
    assert "made up" in entry.comment


def test_no_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="neither recordings nor strides"):
        cite_store(str(tmp_path))


def notice(attrs: Mapping[str, Any]) -> tuple[str, str]:
    return attrs["licence_use"], attrs["licence_notice"]


def test_what_is_opened_says_what_its_licences_allow(tmp_path: Path) -> None:
    root = str(tmp_path)
    write_person(root, "camargo", licence="CC BY 4.0", licence_use="open")
    strides_of("camargo", licence="CC BY 4.0", licence_use="open").write(root)
    use = "All sources have an open licence; camargo: CC BY 4.0, use: open."
    assert notice(open_recordings(root).attrs) == notice(open_strides(root).attrs) == ("open", use)
    closed = {"licence": "CC BY-NC-SA 4.0", "licence_use": "non_commercial", "synthetic": True}
    write_person(root, "k2muse", **closed)
    strides_of("k2muse", **closed).write(root)
    for attrs in (open_recordings(root).attrs, open_strides(root).attrs):
        assert attrs["licence_use"] == "non_commercial"
        assert "k2muse: CC BY-NC-SA 4.0, use: non-commercial." in attrs["licence_notice"]
        assert "made up in the format of: k2muse" in attrs["licence_notice"]
        assert "camargo" not in attrs["licence_notice"]
    tree = open_recordings(root)
    assert tree["k2muse-P1"].attrs["licence_use"] == "non_commercial"
    assert tree["k2muse-P1"].attrs["synthetic"] is True
    assert open_strides(root).attrs["sources"]["k2muse"]["licence_use"] == "non_commercial"
    assert open_strides(root, dataset="camargo").attrs["licence_use"] == "open"


def test_a_store_that_does_not_say_is_not_open() -> None:
    facts = licence_attrs({"old": [{"licence": "CC0"}], "odd": [{"licence_use": "whatever"}]})
    assert facts["licence_use"] == "unknown"
    assert "odd: licence not stated, use: not verified" in facts["licence_notice"]
