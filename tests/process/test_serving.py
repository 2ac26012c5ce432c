"""Chains of all steps: which orders make sense, what they know, and which sources they serve."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pywt
from typer.testing import CliRunner

from biomech_xr import process
from biomech_xr.cli import app
from biomech_xr.datasets import get_dataset, names
from biomech_xr.errors import ConfigError, ProcessingError
from biomech_xr.process.chains.chain import PRESETS
from biomech_xr.process.engine.stages import Center, Rectify, Rms, Sections, Shrinkage, Tkeo
from biomech_xr.process.serving import served
from biomech_xr.process.trials import reasons
from tests.process.patients import cut_trial, emg_values, planned, processed, walking_trial

BAND = "{step: bandpass, low: 20, high: 450, order: 4}"


def chain(*steps: str, product: str = "bandpassed", causal: bool = False) -> process.Chain:
    more = ["causal=true", "grid={rate: 100}", "normalize={kind: first_strides}"] if causal else []
    return process.load_chain("bandpassed", [f"product={product}", f"emg=[{', '.join(steps)}]", *more])


def test_presets_keep_their_hash_so_that_stores_made_before_stay_valid() -> None:
    hashes = [process.load_chain(name).hash() for name in ("envelope", "bandpassed", "realtime")]
    assert hashes == ["b89653aafcd5", "56d5befe3edf", "70877bcbc2d2"]


def test_every_step_becomes_a_stage() -> None:
    found = chain(
        "{step: bridge}",
        "{step: remove_mean}",
        BAND,
        "{step: notch, q: 30}",
        "{step: wavelet_denoise, wavelet: db4, level: 4, rule: sure, shrink: garrote}",
        "{step: tkeo}",
        "{step: rectify}",
        "{step: lowpass, cutoff: 6, order: 2}",
        product="envelope",
    )
    stages = found.stages(2000.0)
    assert [type(stage) for stage in stages] == [Center, Sections, Shrinkage, Tkeo, Rectify, Sections]
    assert stages[1].array.shape == (4 + 8, 6), "band-pass and notches at 50, 100, ... 400 Hz run as one filter"
    assert found.bridge == 0.02
    assert found.unit("mV") == "mV2"
    assert "means and wavelet thresholds" in found.calibration
    rms = chain(BAND, "{step: rms_envelope, window: 0.1}", product="envelope")
    assert rms.stages(1000.0)[-1] == Rms(101)
    causal = chain(BAND, "{step: rms_envelope, window: 0.1}", product="envelope", causal=True)
    assert causal.stages(1000.0)[-1] == Rms(100)
    assert causal.delay(1000.0) == pytest.approx(chain(BAND, causal=True).delay(1000.0) + 0.0495)


def test_neighboring_filters_do_what_each_does_by_itself() -> None:
    merged = chain(BAND, "{step: notch, width: 6}").stages(1000.0)
    assert len(merged) == 1
    alone = [chain(step).stages(1000.0)[0].array for step in (BAND, "{step: notch, width: 6}")]
    np.testing.assert_array_equal(merged[0].array, np.concatenate(alone))


def test_only_the_lines_that_are_there_are_notched() -> None:
    when = chain("{step: notch, width: 6, when: present}")
    assert when.lines(1000.0, line_frequency=60.0) == (60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 420.0)
    assert chain("{step: notch, width: 6}").lines(1000.0, line_frequency=60.0) == ()
    (two,) = when.stages(1000.0, line_frequency=60.0, lines=(60.0, 180.0))
    assert len(two.array) == 2
    assert when.stages(1000.0, line_frequency=60.0, lines=()) == ()


@pytest.mark.parametrize(
    ("steps", "product", "message"),
    [
        (("{step: rectify}", "{step: rectify}", "{step: lowpass, cutoff: 6, order: 2}"), "envelope", "step 2, rectify"),
        (("{step: rectify}", BAND), "envelope", "step 2, bandpass: what comes there is rectified EMG"),
        (("{step: rms_envelope, window: 0.1}", BAND), "envelope", "what comes there is an envelope"),
        (
            ("{step: rectify}", "{step: lowpass, cutoff: 6, order: 2}", "{step: rms_envelope, window: 0.1}"),
            "envelope",
            "step 3, rms_envelope: what comes there is an envelope",
        ),
        (("{step: rectify}", "{step: tkeo}"), "envelope", "step 2, tkeo"),
        (("{step: tkeo}",), "bandpassed", "cannot hold the step tkeo"),
        ((BAND, "{step: bridge}"), "bandpassed", "put it first"),
        (("{step: notch, width: 6, q: 30}",), "bandpassed", "either width"),
        (("{step: notch}",), "bandpassed", "either width"),
        (("{step: bandpass, low: 450, high: 20, order: 4}",), "bandpassed", "low < high"),
        (("{step: wavlet_denoise}",), "bandpassed", "wavelet_denoise"),
        (("{step: rms_envelope, window: -1}",), "envelope", "greater than 0"),
        (("{step: wavelet_denoise, wavelet: bior2.2, level: 4, rule: sure, shrink: soft}",), "bandpassed", "wavelet"),
    ],
)
def test_steps_that_do_not_fit_what_comes_before_are_refused(
    steps: tuple[str, ...], product: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        chain(*steps, product=product)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{step: remove_mean}", "use highpass"),
        ("{step: wavelet_denoise, wavelet: db4, level: 4, rule: sure, shrink: soft}", "know the whole piece"),
        ("{step: bridge}", "far end of a gap"),
        ("{step: notch, width: 6, when: present}", "looks at the whole trial"),
    ],
)
def test_causal_chains_refuse_what_knows_the_future(step: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chain(step, causal=True)


@pytest.mark.parametrize(("wavelet", "level"), [("db4", 4), ("db7", 3), ("haar", 5)])
def test_the_stated_reach_of_wavelets_is_that_of_their_filters(wavelet: str, level: int) -> None:
    """With coefficients of one level taken out, no sample further ahead than stated matters, and one that far may."""
    size, here = 4096, 2048
    stated = round(
        process.Chain.lookahead(
            chain(f"{{step: wavelet_denoise, wavelet: {wavelet}, level: {level}, rule: sure, shrink: soft}}"), 1000.0
        )
        * 1000
        - 0.5
    )
    reach = 0
    for shift in range(2**level):
        pulse = np.zeros(size)
        pulse[here + shift] = 1.0
        pieces = pywt.wavedec(pulse, wavelet, mode="symmetric", level=level)
        pieces[1] = np.zeros_like(pieces[1])
        moved = np.flatnonzero(np.abs(pywt.waverec(pieces, wavelet, mode="symmetric")[:size] - pulse) > 1e-12)
        reach = max(reach, here + shift - moved[0])
    assert 0.75 * stated <= reach <= stated


def test_lookahead_counts_every_step() -> None:
    plain = chain(BAND)
    bridged = chain("{step: bridge, longest: 0.015}", BAND)
    assert bridged.lookahead(1000.0) == pytest.approx(plain.lookahead(1000.0) + 0.015)
    assert chain("{step: remove_mean}", BAND).lookahead(1000.0) == plain.lookahead(1000.0)
    assert process.load_chain("default").lookahead(1000.0) == pytest.approx(
        process.load_chain("bandpassed").lookahead(1000.0) + 0.105
    )
    narrow = chain("{step: notch, q: 100}")
    assert narrow.lookahead(1000.0) > 20 * chain("{step: notch, width: 20}").lookahead(1000.0)


def test_which_sources_a_chain_serves_and_why_not() -> None:
    states = {name: get_dataset(name).spec.emg_state for name in names()}
    raw_too, isolated = {"bacek"}, {"falisse", "lencioni"}
    for preset in PRESETS:
        table = process.serves(process.load_chain(preset)).set_index("dataset")
        assert list(table.index) == names()
        product = process.load_chain(preset).product
        expected = {name for name in names() if product == "envelope" or states[name] != "envelope" or name in raw_too}
        expected -= isolated if preset == "realtime" else {"lencioni"} if preset == "reference" else set()
        assert set(table.index[table["served"]]) == expected
        assert ((table["reason"] == "") == table["served"]).all()
    assert "shorter than the 8.32 s that" in table.loc["lencioni", "reason"], "a stride against db7 at level 9"
    assert table.loc["bacek", "emg_state"] == "raw or envelope"
    rms = process.serves(chain(BAND, "{step: rms_envelope, window: 0.1}", product="envelope")).set_index("dataset")
    assert "rms_envelope is of raw EMG" in rms.loc["embry", "reason"]
    fast = chain("{step: lowpass, cutoff: 470, order: 4}")
    assert "0 < cut-off < 400" in served(fast, get_dataset("lencioni").spec)
    assert served(fast, get_dataset("siat").spec) == ""
    causal = chain(BAND, causal=True)
    assert "without looking ahead" in served(causal, get_dataset("siat").spec)
    assert served(causal, get_dataset("hu").spec) == ""


def test_a_step_that_does_not_fit_the_rate_says_so() -> None:
    with pytest.raises(ProcessingError, match="0 < cut-off < 500"):
        chain("{step: lowpass, cutoff: 600, order: 4}").stages(1000.0)
    with pytest.raises(ProcessingError, match="0 < low < high"):
        chain(BAND).stages(40.0)
    with pytest.raises(ProcessingError, match="50 or 60 Hz"):
        chain("{step: notch, width: 6}").stages(1000.0, line_frequency=0.0)
    with pytest.raises(ProcessingError, match="positive rate"):
        process.load_chain("realtime").delay(-1000.0)


def test_the_command_lists_chains_and_shows_one(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["chains", "--json"])
    assert run.exit_code == 0
    listed = {one["name"]: one for one in json.loads(run.stdout)}
    assert set(listed) == set(PRESETS)
    assert all(rate["lookahead"] == 0 and rate["delay"] > 0 for rate in listed["realtime"]["rates"])
    assert all(rate["lookahead"] > 0 and rate["delay"] == 0 for rate in listed["envelope"]["rates"])
    assert sum(one["served"] for one in listed["default"]["sources"]) < len(names())
    assert "envelope" in CliRunner().invoke(app, ["chains"]).stdout
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\nproduct: bandpassed\ncausal: false\nemg: [{BAND}]\n")
    shown = CliRunner().invoke(app, ["chains", str(file)]).stdout
    assert "mine: bandpassed, zero-phase" in shown
    assert "bacek" in shown
    assert "cannot be band-passed" in shown


def test_each_bandpass_has_its_own_upper_edge_and_notches_the_lowest() -> None:
    narrow = "{step: bandpass, low: 15, high: 300, order: 4}"
    both = chain(BAND, narrow, "{step: notch, width: 6}").stages(2000.0)[0].array
    alone = [chain(step).stages(2000.0)[0].array for step in (BAND, narrow)]
    np.testing.assert_array_equal(both[:8], np.concatenate(alone))
    assert len(both) == 8 + 5, "50, 100, 150, 200, 250 Hz"
    (limited,) = chain(BAND).stages(2000.0, band_rate=500.0)
    (expected,) = chain("{step: bandpass, low: 20, high: 225, order: 4}").stages(2000.0)
    assert limited == expected


def test_a_chain_for_high_rates_only_is_shown_too(tmp_path: Path) -> None:
    high = "{step: highpass, cutoff: 1100, order: 4}"
    assert chain(high).calibration.startswith("peak_dynamic")
    file = tmp_path / "high.yaml"
    file.write_text(f"name: high\nproduct: bandpassed\ncausal: false\nemg: [{{step: remove_mean}}, {high}]\n")
    shown = CliRunner().invoke(app, ["chains", str(file), "--json"])
    assert shown.exit_code == 0
    assert "means are estimated" in json.loads(shown.stdout)["calibration"]


@pytest.mark.parametrize("kind", ["continuous", "isolated", "consecutive"])
def test_a_trial_without_a_piece_that_is_long_enough_is_refused_ahead(kind: str) -> None:
    """What the tables tell is said before the work, and holds then: its channels are masked as too short."""
    reference = process.load_chain("reference")
    durations = (1.0, 1.1, 0.95, 1.05) * (2 if kind == "isolated" else 1)
    if kind == "continuous":
        trial = walking_trial(seconds=4.0, contacts={"left": 0.5 + 1.1 * np.arange(3)})
    else:
        trial = cut_trial(contiguity=kind, state="raw", durations=durations)
        lengths = tuple(round(1000 * duration) for duration in durations)
        noise = np.random.default_rng(0).standard_normal((sum(lengths), 1, 3))
        ragged = {"kind": "ragged", "sampling_frequency": 1000.0, "points": 0, "lengths": lengths}
        signal = replace(trial.signals["emg"], values=emg_values(noise, ("right",)), **ragged)
        trial = replace(trial, signals={**trial.signals, "emg": signal})
    with pytest.raises(ProcessingError, match=r"every piece of the signal is shorter than the 6\.66 s that"):
        planned([trial], reference)
    assert (processed(trial, reference)["emg_reason"][:, 0] == reasons.TOO_SHORT).all()
    for name in ("default", "bandpassed", "realtime"):
        refused = planned([trial], process.load_chain(name)).attrs["emg_refused"]
        assert bool(refused) == (name == "realtime" and kind == "isolated"), refused
    short = replace(trial, trial="short", strides=trial.strides.assign(trial="short"))
    (refused,) = planned([walking_trial(), short], reference).attrs["emg_refused"].values()
    assert refused == {"strides": len(trial.strides), "trials": 1, "first": "made-A/short"}
