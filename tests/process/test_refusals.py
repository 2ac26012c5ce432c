"""What the steps refuse, by name: settings that no filter has, unknown words, EMG that is rectified already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from biomech_xr import process
from biomech_xr.errors import ConfigError, ProcessingError
from biomech_xr.process.chains.steps_config import wavelet_problem
from tests.process.test_steps import ALL, BOTH, WHOLE, emg


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width 0, expected a positive"),
        ({"width": -6}, "width -6, expected a positive"),
        ({"width": np.nan}, "width nan, expected a positive"),
        ({"q": 0}, "q 0, expected a positive"),
        ({"q": -10}, "q -10, expected a positive"),
        ({"width": 6, "upper": -1}, "upper -1, expected a positive"),
    ],
)
@pytest.mark.parametrize("only_if_present", [False, True])
def test_a_notch_without_a_positive_width_is_refused(
    options: dict[str, Any],
    message: str,
    only_if_present: bool,
) -> None:
    with pytest.raises(ProcessingError, match=message):
        process.notch(emg(), **{"line_frequency": 50, "upper": 400, "only_if_present": only_if_present, **options})


@pytest.mark.parametrize("order", [0, -2, 2.5, np.nan])
def test_an_order_that_no_filter_has_is_refused(order: Any) -> None:
    with pytest.raises(ProcessingError, match=r"bandpass: .*whole number of at least 1"):
        process.bandpass(emg(), low=20, high=400, order=order)
    for step in (process.lowpass, process.linear_envelope):
        with pytest.raises(ProcessingError, match=r"lowpass: .*whole number of at least 1"):
            step(emg(), cutoff=6, order=order)


SIGNED = {
    **{name: BOTH[name] for name in ("bandpass", "highpass", "notch", "rms_envelope", "tkeo")},
    **WHOLE,
}


@pytest.mark.parametrize("name", SIGNED)
def test_filters_of_signed_emg_refuse_what_is_rectified(name: str) -> None:
    x = emg(seconds=1.0)
    rectified = process.rectify(x)
    for unsigned, what in (
        (rectified, "rectified EMG"),
        (BOTH["lowpass"](rectified), "an envelope"),
        (BOTH["linear_envelope"](x), "an envelope"),
        (process.rms_envelope(x, window=0.1), "an envelope"),
        (process.tkeo(x), "the energy of EMG"),
        (x.assign_attrs(emg_state="envelope"), "an envelope"),
    ):
        with pytest.raises(ProcessingError, match=f"found {what}.*expected signed EMG"):
            SIGNED[name](unsigned)
    assert SIGNED[name](x.assign_attrs(emg_state="raw")).shape == x.shape
    assert BOTH["bandpass"](x.assign_attrs(emg_state="raw")).attrs["emg_state"] == "bandpassed"


@pytest.mark.parametrize("name", sorted({*ALL, "interpolate_gaps", "resample", "to_phase"} - {"rectify_causal"}))
def test_a_missing_dim_is_named(name: str) -> None:
    others: dict[str, Callable[..., Any]] = {
        "interpolate_gaps": process.interpolate_gaps,
        "resample": lambda x: process.resample(x, target=500),
        "to_phase": lambda x: process.to_phase(x, [0.1, 0.9]),
    }
    with pytest.raises(ProcessingError, match="found dims sample, channel, expected 'time'"):
        (others.get(name) or ALL[name])(emg().rename(time="sample"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"wavelet": "db99"}, "found wavelet 'db99', expected haar, db1 to db38"),
        ({"wavelet": "sym1"}, "found wavelet 'sym1'"),
        ({"wavelet": "bior3.3"}, "found wavelet 'bior3.3'"),
        ({"rule": "best"}, "found rule 'best', expected one of universal, sure, bayes"),
        ({"shrink": "firm"}, "found shrink 'firm', expected one of soft, hard, garrote"),
        ({"level": 0}, "found level 0"),
        ({"level": -1}, "found level -1"),
        ({"level": 40}, "found level 40"),
        ({"level": 2.5}, "found level 2.5"),
    ],
)
def test_unknown_wavelets_and_rules_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ProcessingError, match=message):
        process.wavelet_denoise(emg(), **{"wavelet": "db4", "level": 4, "rule": "sure", "shrink": "soft", **changed})


def test_the_wavelets_of_a_chain_are_those_that_exist() -> None:
    import pywt

    known = [name for family in ("haar", "db", "sym", "coif") for name in pywt.wavelist(family)]
    guesses = ["haar", "haar1", "db", *(f"{family}{order}" for family in ("db", "sym", "coif") for order in range(50))]
    assert [name for name in guesses if not wavelet_problem(name)] == sorted(known, key=guesses.index)
    step = {"step": "wavelet_denoise", "wavelet": "db99", "level": 4, "rule": "sure", "shrink": "soft"}
    with pytest.raises(ConfigError, match="found wavelet 'db99', expected haar, db1 to db38, sym2 to sym20"):
        process.Chain.of({"name": "mine", "product": "bandpassed", "emg": [step]})


@pytest.mark.parametrize("window", [np.inf, np.nan, -0.1])
def test_a_window_is_a_positive_time(window: float) -> None:
    with pytest.raises(ProcessingError, match="positive time"):
        process.rms_envelope(emg(), window=window)
    with pytest.raises(ProcessingError, match="0 s or more"):
        process.interpolate_gaps(emg(), longest=window)
