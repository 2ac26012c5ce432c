"""Sources that fit together raise no flag; every kind of planted error is found, with its cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import biomech_xr as bx
from biomech_xr.cli import app
from biomech_xr.errors import ConfigError
from biomech_xr.process import load_chain
from biomech_xr.quality import harmony
from biomech_xr.quality.harmony import Curve, gather, harmonize
from biomech_xr.quality.harmony_compare import FLAT
from biomech_xr.quality.harmony_curves import COMPONENTS, VARIABLES, bridged
from biomech_xr.quality.harmony_findings import UNSEEN, as_markdown, findings, remarks, summary
from biomech_xr.quality.harmony_plots import overlay, write_figures
from biomech_xr.run import finish_strides, parse_patient, pending_patients, shard_work
from biomech_xr.store import publish
from tests.quality.harmony_cases import PLANTS, Plant, plant, score, sources
from tests.store.samples import make_product

FOUR = ("criekinge", "falisse", "gait120", "lencioni")


@pytest.fixture(scope="module")
def five() -> list[Curve]:
    return sources(5)


def named(name: str, component: str = "") -> Plant:
    probe = replace(sources(1)[0], component=component)
    return next(
        one
        for one in PLANTS
        if one.name == name and (not component or one.where(replace(probe, quantity=name.split()[0])))  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("seed", range(2))
def test_sources_that_differ_as_laboratories_do_raise_no_flag(seed: int) -> None:
    result = harmonize(sources(4, seed=seed))
    assert result.flagged == []
    assert sum(verdict.status == "compared" for verdict in result.curves) > 150


KINDS = list({error.name: error for error in reversed(PLANTS)}.values())
"""One error of each name; `python -m tests.quality.harmony_table` plants all of them."""


@pytest.mark.parametrize("error", KINDS, ids=lambda error: error.name)
def test_a_planted_error_is_found_with_kind_and_cause(five: list[Curve], error: Plant) -> None:
    side = "right" if PLANTS.index(error) % 2 else None
    touched = {curve.quantity for curve in five if error.where(curve)}
    four = [curve for curve in five if curve.dataset != "source4" and curve.quantity in touched]
    found = score(harmonize(plant(four, error, "source2", side)), error, "source2", side)
    assert found.wrong == ()
    assert found.missed == ()
    assert found.found + found.flat + len(found.missed) == found.planted > 0


def test_one_of_four_that_is_wrong_does_not_pull_the_others_down() -> None:
    four = [curve for curve in sources(4, seed=3) if curve.quantity == "moment"]
    for error in (named("all moments inverted"), named("all late by 50 %"), named("moments x 1000")):
        found = score(harmonize(plant(four, error, "source0")), error, "source0")
        assert found.wrong == ()
        assert found.found > 0


def test_two_errors_in_one_source_are_both_said(five: list[Curve]) -> None:
    broken = plant(plant(five, named("moments x body mass"), "source1"), named("all moments inverted"), "source1")
    ankle = {v.curve.side: v for v in harmonize(broken).curves if _is(v.curve, "source1", "moment", "ankle flexion")}
    for verdict in ankle.values():
        assert verdict.flags == ("inverted", "scaled")
        assert "external moment" in verdict.cause
        assert "not divided by body mass" in verdict.cause


def _is(curve: Curve, dataset: str, quantity: str, component: str) -> bool:
    return (curve.dataset, curve.quantity, curve.component) == (dataset, quantity, component)


def test_a_hip_upside_down_without_neighbors_might_be_late(five: list[Curve]) -> None:
    hips = [curve for curve in five if curve.quantity == "angle" and curve.component == "hip flexion"]
    broken = [replace(c, values=-c.values) if c.dataset == "source1" else c for c in hips]
    causes = [v.cause for v in harmonize(broken).curves if v.curve.dataset == "source1"]
    assert all("this curve alone cannot tell" in cause for cause in causes)


def test_fewer_than_three_other_sources_give_no_flag_and_say_so() -> None:
    three = plant(sources(3), named("all moments inverted"), "source0")
    result = harmonize(three)
    assert result.flagged == []
    assert {verdict.status for verdict in result.curves} == {"too_few_sources"}
    assert any("fewer than 3 other sources" in remark for remark in remarks(result))


def test_legs_of_one_source_are_compared_without_a_pool() -> None:
    one = plant(sources(1), named("all moments inverted"), "source0", "left")
    result = harmonize(one)
    assert {v.flags for v in result.legs if v.curve.quantity != "moment"} == {()}
    wrong = [v for v in result.legs if v.flags]
    assert {v.flags for v in wrong} == {("inverted",)}
    assert {v.curve.component for v in wrong} == set(COMPONENTS["moment"])
    small = {v.curve.component for v in wrong if v.fit and v.fit.flat}
    assert small == {"hip rotation", "knee rotation", "ankle adduction", "ankle rotation"}
    assert all("which one takes 3 other sources" in v.cause for v in wrong if v.fit and not v.fit.flat)
    assert {one.legs for one in findings(result)} == {"right to left"}


def test_swapped_legs_are_not_seen_and_this_is_said(five: list[Curve]) -> None:
    other = {"left": "right", "right": "left"}
    swapped = [replace(c, side=other[c.side]) if c.dataset == "source0" else c for c in five]
    result = harmonize(swapped)
    assert result.flagged == []
    assert UNSEEN in remarks(result)


def test_sources_that_agree_on_nothing_are_no_pool(five: list[Curve]) -> None:
    rng = np.random.default_rng(0)
    knees = [
        replace(c, values=20 * np.roll(rng.standard_normal(200), rng.integers(200)))
        for c in five
        if c.quantity == "angle" and c.component == "knee flexion"
    ]
    result = harmonize(knees)
    assert {verdict.status for verdict in result.curves} == {"others_disagree"}
    assert all(verdict.as_json()["r"] is None for verdict in result.curves)


def test_a_component_that_hardly_moves_is_judged_by_gross_size_only(five: list[Curve]) -> None:
    def changed(factor: float) -> list[str]:
        some = [
            replace(c, values=factor * c.values) if _is(c, "source4", "moment", "knee rotation") else c for c in five
        ]
        return [flag for verdict in harmonize(some).curves for flag in verdict.flags]

    pool = [np.ptp(c.values) for c in five if c.quantity == "moment" and c.component == "knee rotation"]
    assert np.median(pool) < FLAT["moment"] / 1.5
    assert changed(-4.0) == []
    assert changed(1000.0) == ["scaled", "scaled"]


def test_one_person_may_move_a_joint_more_than_twice_as_far(five: list[Curve]) -> None:
    def flags(people: int) -> set[str]:
        some = [
            replace(c, values=2.2 * (c.values - c.values.mean()), people=people)
            if _is(c, "source0", "angle", "ankle flexion")
            else c
            for c in five
        ]
        return {flag for verdict in harmonize(some).curves for flag in verdict.flags}

    assert flags(1) == set()
    assert flags(2) == {"scaled"}


def test_limits_are_wider_where_people_differ_too_much_to_tell(five: list[Curve]) -> None:
    def judged(people: int, spread: float) -> tuple[set[str], str]:
        some = [
            replace(c, values=2.5 * c.values, people=people, spread=spread) if _is(c, "source0", "emg", "soleus") else c
            for c in five
            if c.quantity == "emg"
        ]
        result = harmonize(some)
        return {flag for verdict in result.curves for flag in verdict.flags}, " ".join(remarks(result))

    assert judged(10, 1.0)[0] == {"scaled"}
    for few in ((2, 1.0), (1, 0.0)):
        flags, said = judged(*few)
        assert flags == set()
        assert "2 curves of one person, or of people who differ much: amplitudes judged by wider limits" in said


def test_what_was_not_judged_is_said_before_anything_else(five: list[Curve]) -> None:
    result = harmonize(five)
    small = sum(verdict.status == "flat" for verdict in result.curves)
    assert small > 50
    total = len(five)
    assert summary(result) == (
        f"5 source(s), {total} curves: {total - small} judged, 0 of them flagged; {small} NOT judged; 0 flagged right "
        "against left."
    )
    assert (result.as_json()["judged"], result.as_json()["not_judged"]) == (total - small, small)
    assert any("angles of hip rotation, knee adduction, knee rotation" in remark for remark in remarks(result))


def test_a_scale_that_no_unit_explains_is_called_a_gain(five: list[Curve]) -> None:
    some = [replace(c, values=4 * c.values) if _is(c, "source0", "moment", "ankle flexion") else c for c in five]
    causes = [verdict.cause for verdict in harmonize(some).curves if verdict.flags]
    assert len(causes) == 2
    assert all("another unit or a gain" in cause for cause in causes)


def test_gaps_are_bridged_around_the_cycle_or_the_curve_is_left_out() -> None:
    wave = np.cos(2 * np.pi * np.arange(200) / 200)
    gap = wave.copy()
    gap[[0, 1, 198, 199]] = np.nan
    filled = bridged(gap)
    assert filled is not None
    np.testing.assert_allclose(filled, wave, atol=0.01)
    gap[:30] = np.nan
    assert bridged(gap) is None


def test_people_are_the_unit_and_conditions_stay_out(tmp_path: Path) -> None:
    product = make_product("hu", strides=60, time=1850, seed=1)
    labels = product.labels
    labels["population"], labels["activity"] = "able_bodied", "walk"
    labels.loc[labels.index[:4], "population"] = "stroke"
    labels.loc[labels.index[2:10], "condition"] = "orthosis"
    product.write(str(tmp_path))
    curves, left_out = gather(bx.open_strides(str(tmp_path)), "walk")
    assert left_out == {"another population": 4, "a condition": 6}
    one = next(c for c in curves if (c.side, c.quantity, c.component) == ("left", "angle", "knee flexion"))
    kept = labels[(labels["side"] == "left") & (labels.index >= 10)].index
    kept = kept[product.block["kinematics_mask"][kept, 1, 2]]
    means = [
        product.block["kinematics"][rows.index, 1, 2].astype(float).mean(0)
        for _, rows in labels.loc[kept].groupby("patient")
    ]
    np.testing.assert_allclose(one.values, np.mean(means, axis=0), atol=1e-6)
    assert (one.people, one.strides) == (len(means), len(kept))
    with pytest.raises(ConfigError, match="run"):
        gather(bx.open_strides(str(tmp_path)), "run")


def process(root: str, dataset: str, raw: Path) -> None:
    for patient in pending_patients(dataset, raw, root)[0]:
        parse_patient(dataset, str(raw), root, patient)
    chain = load_chain("envelope")
    work = shard_work(root, dataset, chain)
    for task in work.tasks:
        task.compute(scheduler="synchronous")
    finish_strides(work)
    publish(root, chain.name, [dataset])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store whose four products hold the curves of four clean sources, four people each."""
    root = str(tmp_path_factory.mktemp("four") / "store")
    clean = {(c.dataset, c.side, c.quantity, c.component): c.values for c in sources(4)}
    for place, name in enumerate(FOUR):
        product = make_product(name, strides=24, time=1500, seed=place)
        for label, value in {"population": "able_bodied", "activity": "walk", "condition": "none"}.items():
            product.labels[label] = value
        product.block["emg_mask"][:] = False
        for quantity in ("angle", "moment"):
            own = np.array(
                [
                    [clean[f"source{place}", side, quantity, component] for component in COMPONENTS[quantity]]
                    for side in product.labels["side"]
                ]
            )
            values = product.block[VARIABLES[quantity]]
            product.block[f"{VARIABLES[quantity]}_mask"][:] = True
            product.block[VARIABLES[quantity]] = own.reshape(values.shape).astype(values.dtype)
        product.write(root)
    return root


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_store_of_four_clean_sources_raises_no_flag(store: str) -> None:
    done = CliRunner().invoke(app, ["harmony", store, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["sources"], result["flagged"], result["chain"]) == (sorted(FOUR), 0, "envelope")
    compared = [one for one in result["curves"] if one["status"] == "compared"]
    assert len(compared) > 40
    assert (result["judged"], result["not_judged"]) == (len(compared), len(result["curves"]) - len(compared))
    assert {"r", "ratio", "lag", "flags", "n_people", "n_strides"} <= set(compared[0])
    assert min(one["r"] for one in compared) > 0.9


def test_the_command_says_what_does_not_fit_and_fails(
    store: str, five: list[Curve], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = plant(five, named("moments x body mass"), "source3")
    monkeypatch.setattr(harmony, "gather", lambda *_: (wrong, {"a condition": 7}))
    done = CliRunner().invoke(app, ["harmony", store])
    assert done.exit_code == 1
    assert "source3" in done.stdout
    assert "7 strides left out: a condition" in done.stdout
    text = CliRunner().invoke(app, ["harmony", store, "--markdown"])
    assert text.exit_code == 1
    assert "| source3 | moments: all 9 judged | left and right | scaled | r " in text.stdout


def test_misfits_are_dashed_and_named_in_their_panel(five: list[Curve], tmp_path: Path) -> None:
    swap = named("joints swapped")
    result = harmonize(plant([curve for curve in five if curve.quantity == "angle"], swap, "source3", "left"))
    figure = overlay(result, "angle")
    assert figure is not None
    hip = next(axis for axis in figure.axes if axis.get_title(loc="left") == "hip flexion")
    assert [line.get_linestyle() for line in hip.lines].count("--") == 1
    assert [text.get_text() for text in hip.texts] == ["source3 (left): like knee flexion"]
    rotation = next(axis for axis in figure.axes if axis.get_title(loc="left") == "knee rotation")
    assert [text.get_text() for text in rotation.texts] == ["small: shape not judged"]
    calf = harmonize([curve for curve in five if curve.quantity == "emg" and curve.component == "soleus"])
    assert [path.name for path in write_figures(calf, tmp_path)] == ["harmony-walk-emg.svg"]
    assert overlay(calf, "angle") is None


@pytest.fixture(scope="module")
def real(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Curve]:
    root = tmp_path_factory.mktemp("real")
    mapping = yaml.safe_load(Path("pipelines/configs/lab_vicon.yaml").read_text(encoding="utf-8"))
    mapping["people"][0]["files"] = [str(samples / "c3d" / "Vicon_analysis.c3d")]
    (root / "lab").mkdir()
    (root / "lab" / "lab.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    process(str(root / "store"), "lab", root / "lab")
    process(str(root / "store"), "falisse", samples / "falisse")
    return gather(bx.open_strides(str(root / "store")), "walk")[0]


@pytest.mark.realdata
def test_real_walking_fits_synthetic_walking(real: list[Curve], five: list[Curve]) -> None:
    result = harmonize([*real, *five])
    assert result.flagged == []
    judged = [v for v in result.curves if v.curve.dataset in ("falisse", "lab") and v.status == "compared"]
    assert len(judged) > 30


@pytest.mark.realdata
@pytest.mark.parametrize("victim", ["falisse", "lab"])
@pytest.mark.parametrize(
    "name", ["all moments inverted", "moments x 1000", "moments x body mass", "all late by 50 %", "angles in radians"]
)
def test_errors_planted_in_real_walking_are_found(
    real: Sequence[Curve], five: list[Curve], victim: str, name: str
) -> None:
    error = named(name)
    found = score(harmonize(plant([*real, *five], error, victim)), error, victim)
    assert found.wrong == ()
    assert found.missed == ()
    assert found.found > 0


def test_the_page_has_the_row_of_every_planted_error() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "harmony.md").read_text(encoding="utf-8")
    assert [error.name for error in PLANTS if f"| {error.name} |" not in page] == []
    assert as_markdown(harmonize(sources(1))).startswith("1 source(s), 62 curves: 0 judged, 0 of them flagged; 62 NOT")
