"""A part depends on the settings that reach its data, on all of them, and on nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import biomech_xr as bx
from biomech_xr.process import Chain, filter_emg, load_chain
from biomech_xr.process.chains.in_force import Form, forms_as_facts, held_chain, in_force, in_force_of
from biomech_xr.run import finish_strides, shard_work
from biomech_xr.run.corpus import Corpus, CorpusPerson, write_person
from biomech_xr.run.repair import repair_store
from biomech_xr.store import check_store, layout, publish

ENVELOPE, DEFAULT = load_chain("envelope"), load_chain("default")
RAW = Form("raw", "continuous", "consecutive", 2000.0)
SLOW = Form("bandpassed", "continuous", "consecutive", 500.0)
PUBLISHED = Form("envelope", "continuous", "consecutive", 100.0)
POINTS = Form("envelope", "segmented", "consecutive", 1000.0)


def changed(chain: Chain, place: int | None = None, /, **values: Any) -> Chain:
    """Return a chain with other settings of one step, or of the chain itself."""
    found = chain.model_dump(mode="json")
    (found if place is None else found["emg"][place]).update(values)
    return Chain.of(found)


def own(chain: Chain, *forms: Form, people: tuple[str, ...] = ("hu-AB01",)) -> str:
    return in_force(chain, forms, line_frequency=50.0, people=people).hash()


BAND = changed(ENVELOPE, 0, low=25)
CUTOFF = changed(ENVELOPE, 3, cutoff=5)
CASES = {
    "lower edge": (BAND, {RAW, SLOW}),
    "upper edge, beyond 225 Hz": (changed(ENVELOPE, 0, high=400), {RAW}),
    "upper edge, below": (changed(ENVELOPE, 0, high=200), {RAW, SLOW}),
    "order": (changed(ENVELOPE, 0, order=2), {RAW, SLOW}),
    "notch": (changed(ENVELOPE, 1, width=3), {RAW, SLOW}),
    "low-pass": (CUTOFF, {RAW, SLOW, PUBLISHED}),
    "reference": (changed(ENVELOPE, normalize={"kind": "none"}), {RAW, SLOW, PUBLISHED, POINTS}),
    "unused part of the reference": (changed(ENVELOPE, normalize={"kind": "peak_dynamic", "strides": 9}), set()),
    "grid": (changed(ENVELOPE, grid={"phase": 100}), {RAW, SLOW, PUBLISHED, POINTS}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_form_depends_on_the_settings_that_reach_it(case: str) -> None:
    other, depending = CASES[case]
    forms = (RAW, SLOW, PUBLISHED, POINTS)
    assert {form for form in forms if own(other, form) != own(ENVELOPE, form)} == depending
    assert (own(other, *forms) != own(ENVELOPE, *forms)) == bool(depending)


def test_steps_that_do_nothing_here_are_not_in_force() -> None:
    low = changed(ENVELOPE, 0, high=45)
    assert own(low, RAW) == own(changed(low, 1, width=3), RAW)
    assert own(DEFAULT, RAW) != own(changed(DEFAULT, 2, level=5), RAW)
    bridged = ({"step": "bridge", "longest": 0.02}, *ENVELOPE.model_dump(mode="json")["emg"])
    assert own(changed(ENVELOPE, emg=bridged), PUBLISHED) != own(ENVELOPE, PUBLISHED)
    assert own(changed(ENVELOPE, emg=bridged), POINTS) == own(ENVELOPE, POINTS)


def test_contractions_of_others_are_not_in_force() -> None:
    listed = [{"patient": f"hu-AB0{i}", "side": "left", "channel": "soleus", "value": 1.0} for i in (1, 2)]
    both = changed(ENVELOPE, normalize={"kind": "mvc", "contractions": listed})
    listed[1]["value"] = 2.0
    other = changed(ENVELOPE, normalize={"kind": "mvc", "contractions": listed})
    assert own(both, RAW, people=("hu-AB01",)) == own(other, RAW, people=("hu-AB01",))
    assert own(both, RAW, people=("hu-AB02",)) != own(other, RAW, people=("hu-AB02",))


def test_what_a_chain_refuses_it_refuses_afterwards_with_the_same_words() -> None:
    squared = changed(
        ENVELOPE, emg=[{"step": "tkeo"}, {"step": "rectify"}, {"step": "lowpass", "cutoff": 6, "order": 2}]
    )
    for chain in (squared, DEFAULT, load_chain("realtime")):
        for form in (RAW, PUBLISHED, POINTS, POINTS._replace(contiguity="isolated")):
            found = in_force(chain, [form], line_frequency=50.0, people=())
            assert form.refusal(found) == form.refusal(chain)
    assert own(DEFAULT, PUBLISHED) == own(changed(DEFAULT, 0, low=30), PUBLISHED)


@pytest.mark.parametrize("chain", [ENVELOPE, DEFAULT, load_chain("reference"), load_chain("realtime")])
def test_it_can_be_stored_and_is_in_force_itself(chain: Chain) -> None:
    for forms in ([RAW], [SLOW], [PUBLISHED], [POINTS], [], [RAW, POINTS]):
        found = in_force(chain, forms, line_frequency=50.0, people=())
        again = held_chain(found.model_dump(mode="json"))
        attrs = {"emg_forms": forms_as_facts(forms), "spec": {"line_frequency": 50.0}, "recordings": {}}
        assert again == found == in_force_of(again, attrs) == in_force_of(chain, attrs)
    assert in_force_of(chain, {"spec": {"line_frequency": 50.0}, "recordings": {}}) is None


@pytest.mark.parametrize(("chain", "form"), [(ENVELOPE, SLOW), (DEFAULT, SLOW), (ENVELOPE, PUBLISHED)])
def test_it_makes_the_same_numbers(chain: Chain, form: Form) -> None:
    signal = np.random.default_rng(1).standard_normal((2, 4 * int(form.rate))).astype(np.float32)
    emg = xr.DataArray(np.abs(signal) if form.state == "envelope" else signal, dims=("channel", "sample"))
    few = in_force(chain, [form], line_frequency=50.0, people=())
    assert few != chain
    one, two = (
        filter_emg(emg, made, line_frequency=50.0, state=form.state, sampling_frequency=form.rate)
        for made in (chain, few)
    )
    assert one.attrs == two.attrs
    np.testing.assert_array_equal(one.to_numpy(), two.to_numpy())


SOURCES = ("hu", "moghadam")


def made(root: str, chain: Chain) -> dict[str, int]:
    """Process both sources; return how many shards of each were made."""
    found = {}
    for dataset in SOURCES:
        work = shard_work(root, dataset, chain)
        graph, keys = work.graph()
        dask.get(graph, keys)
        finish_strides(work)
        found[dataset] = len(work.shards)
    publish(root, chain.name, SOURCES)
    return found


def objects(root: str, dataset: str) -> dict[str, tuple[int, bytes]]:
    """Return time and bytes of all objects of the parts of a source."""
    folder = Path(layout.strides_url(root, "envelope", dataset))
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != layout.MANIFEST]
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def repaired(root: str, *lost: str) -> None:
    """Lose some files and have them made again, byte for byte."""
    kept = [Path(file).read_bytes() for file in lost]
    for file in lost:
        Path(file).unlink()
    list(repair_store(root, list(check_store(root)), raw={}))
    assert [Path(file).read_bytes() for file in lost] == kept


def test_a_changed_setting_redoes_the_source_that_it_reaches_and_no_other(tmp_path: Path) -> None:
    root = str(tmp_path)
    for dataset in SOURCES:
        person = CorpusPerson(name="P0", strides=6, population="able_bodied")
        write_person(root, Corpus(dataset=dataset, seed=1, people=(person,)), person)
    assert made(root, ENVELOPE) == {"hu": 1, "moghadam": 1}
    before = {dataset: objects(root, dataset) for dataset in SOURCES}
    assert made(root, BAND) == {"hu": 1, "moghadam": 0}
    assert objects(root, "moghadam") == before["moghadam"]
    assert objects(root, "hu").items() > before["hu"].items()
    opened = bx.open_strides(root, chain="envelope")
    assert (opened.attrs["version"], opened.sizes["stride"]) == (2, 12)
    steps = {name: [step["step"] for step in one["emg"]] for name, one in opened.attrs["chain_definition"].items()}
    assert steps == {"hu": ["bandpass", "notch", "rectify", "lowpass"], "moghadam": ["rectify", "lowpass"]}
    assert opened.attrs["chain_definition"]["hu"]["emg"][0]["low"] == 25
    repaired(root, layout.version_url(root, "envelope", 2))
    repaired(root, *(f"{layout.strides_url(root, 'envelope', dataset)}/{layout.MANIFEST}" for dataset in SOURCES))
    assert made(root, CUTOFF) == {"hu": 1, "moghadam": 1}
    assert made(root, ENVELOPE) == {"hu": 0, "moghadam": 0}
