"""Chains: strictness, refusals, and what they say they know of the future."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr.errors import ConfigError, MissingInputError, ProcessingError
from biomech_xr.process.chains.chain import PRESETS
from biomech_xr.process.engine.stages import Rectify, Sections


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load_and_have_their_name(name: str) -> None:
    chain = process.load_chain(name)
    assert chain.name == name
    assert chain == process.load_chain(name)
    assert chain.hash() == process.load_chain(name).hash()
    assert hash(chain) == hash(process.load_chain(name))


def test_overrides_and_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert process.load_chain("envelope", ["grid.phase=100"]).grid.phase == 100
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nproduct: bandpassed\ncausal: false\nemg: [{step: highpass, cutoff: 20, order: 2}]\n")
    assert process.load_chain(file).name == "mine"
    with pytest.raises(MissingInputError):
        process.load_chain("envelop")


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("envelope", "grid.phse=100", "did you mean 'phase'"),
        ("envelope", "causal=true", "grid in Hz"),
        ("realtime", "normalize.kind=peak_dynamic", "sees every stride"),
        ("envelope", "product=bandpassed", "cannot hold the step rectify"),
        ("bandpassed", "product=envelope", "rectify"),
        ("realtime", "grid.phase=200", "either phase"),
        ("envelope", "emg=[{step: bandpas}]", "found 'bandpas'; did you mean 'bandpass'"),
        ("envelope", "emg=[{step: rms_envelope, windw: 0.1}]", "did you mean 'window'.*Known keys: step, window$"),
    ],
)
def test_impossible_chains_are_refused(name: str, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        process.load_chain(name, [override])


def impulse_change(chain: process.Chain, rate: float, at: float, seconds: float = 6.0) -> np.ndarray:
    """Return |change| of the filtered signal at every sample when all samples from ``at`` on are replaced."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, round(seconds * rate)))
    y = x.copy()
    y[:, round(at * rate) :] = rng.standard_normal(y[:, round(at * rate) :].shape)
    a, b = (
        process.filter_emg(
            xr.DataArray(z, dims=("channel", "sample")), chain, line_frequency=50.0, sampling_frequency=rate
        )
        for z in (x, y)
    )
    return np.abs(a - b).max("channel").values / float(a.std())


@pytest.mark.parametrize(("name", "bound"), [("envelope", 1e-4), ("bandpassed", 1e-3)])
@pytest.mark.parametrize("rate", [1000.0, 1920.0])
def test_lookahead_bounds_what_the_chain_knows(name: str, bound: float, rate: float) -> None:
    """The bound of a band-pass is its tail (1e-4 of a sum of about 3) times the largest sample (4 SD)."""
    chain = process.load_chain(name)
    lookahead = chain.lookahead(rate)
    assert 0.2 < lookahead < 1.0
    change = impulse_change(chain, rate, at=4.0)
    t = np.arange(change.size) / rate
    assert change[t <= 4.0 - lookahead].max() < bound
    assert change[t <= 4.0 - lookahead / 20].max() > 1e-2, "a bound that any number would satisfy says nothing"


def test_realtime_knows_nothing_of_the_future_and_says_its_delay() -> None:
    chain = process.load_chain("realtime")
    assert chain.lookahead(1000.0) == 0.0
    assert impulse_change(chain, 1000.0, at=4.0)[:4000].max() == 0.0
    t = np.arange(8000) / 1000
    shape = np.exp(-0.5 * ((t - 4) / 0.25) ** 2)
    x = np.random.default_rng(0).standard_normal((200, 8000)) * shape
    y = process.filter_emg(
        xr.DataArray(x, dims=("channel", "sample")), chain, line_frequency=50.0, sampling_frequency=1000.0
    ).mean("channel")
    measured = float((y * t).sum() / y.sum()) - 4.0
    assert chain.delay(1000.0) == pytest.approx(measured, abs=0.005)
    assert chain.kinematics_delay(100.0) == 0.01
    assert process.load_chain("envelope").delay(1000.0) == 0.0


def test_envelopes_are_not_band_passed_again() -> None:
    chain = process.load_chain("envelope")
    assert [type(stage) for stage in chain.stages(1000.0, state="raw")] == [Sections, Rectify, Sections]
    (only,) = chain.stages(1000.0, state="envelope")
    assert isinstance(only, Sections)
    assert only.array.shape == (1, 6)
    x = xr.DataArray(np.ones((1, 2000)), dims=("channel", "sample"))
    bandpassed = process.load_chain("bandpassed")
    with pytest.raises(ProcessingError, match="cannot be band-passed"):
        process.filter_emg(x, bandpassed, line_frequency=50.0, state="envelope", sampling_frequency=1000.0)


def test_refusals() -> None:
    envelope, bandpassed, realtime = (process.load_chain(name) for name in ("envelope", "bandpassed", "realtime"))
    raw = {"state": "raw", "contiguity": "consecutive", "rate": 2000.0}
    assert envelope.refusal(**{**raw, "state": "envelope"}, kind="segmented") == ""
    assert bandpassed.refusal(**{**raw, "state": "bandpassed"}, kind="continuous") == ""
    assert "time-normalised" in bandpassed.refusal(**raw, kind="segmented")
    assert "envelopes" in bandpassed.refusal(**{**raw, "state": "envelope"}, kind="continuous")
    assert "isolated" in realtime.refusal(**{**raw, "contiguity": "isolated"}, kind="ragged")
    assert realtime.refusal(**raw, kind="ragged") == ""


def test_filtered_emg_says_what_it_is_so_that_an_envelope_meets_no_band() -> None:
    noise = np.random.default_rng(0).standard_normal((1, 4000))
    x = xr.DataArray(noise, dims=("channel", "time"), attrs={"sampling_frequency": 1000.0})
    envelope, bandpassed = (process.load_chain(name) for name in ("envelope", "bandpassed"))
    made = process.filter_emg(x, envelope, line_frequency=50.0, dim="time")
    with pytest.raises(ProcessingError, match="found an envelope"):
        process.bandpass(made, low=20, high=400, order=4)
    for chain in (envelope, bandpassed):
        with pytest.raises(ProcessingError, match="found an envelope"):
            process.filter_emg(made, chain, line_frequency=50.0, dim="time")
    again = process.filter_emg(made, envelope, line_frequency=50.0, state="envelope", dim="time")
    assert np.isfinite(again).all()
    band = process.filter_emg(x, bandpassed, line_frequency=50.0, dim="time")
    assert process.linear_envelope(band, cutoff=6, order=2).attrs["emg_state"] == "envelope"
