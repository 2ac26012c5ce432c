"""The amplitude reference: whose strides it is made of, and what it does when there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from biomech_xr import process
from biomech_xr.errors import ConfigError, ProcessingError
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.chains.steps_config import Normalize
from biomech_xr.process.steps.normalize import amplitude_reference


def table(count: int, **columns: object) -> pd.DataFrame:
    base = {"session": "1", "side": "left", "condition": "none", "order": np.arange(count)}
    return pd.DataFrame({**base, **columns}, index=range(count))


def test_peak_dynamic_is_the_95th_percentile_of_one_number_a_stride() -> None:
    peaks = np.random.default_rng(0).lognormal(size=(300, 13)).astype(np.float32)
    found = amplitude_reference(table(300), peaks, Normalize(kind="peak_dynamic"))
    np.testing.assert_allclose(found, np.broadcast_to(np.percentile(peaks, 95, axis=0), (300, 13)), rtol=1e-6)


def test_sides_and_sessions_have_their_own_reference_and_other_conditions_do_not_count() -> None:
    side = np.array(["left", "right"] * 20)
    session = np.where(np.arange(40) < 20, "1", "2")
    condition = np.where(np.arange(40) % 5 == 4, "fatigue", "none")
    level = np.where(side == "left", 1.0, 2.0) * np.where(session == "1", 1.0, 10.0)
    peaks = np.where(condition == "none", level, 1000.0)[:, None].astype(np.float32)
    rows = table(40, side=side, session=session, condition=condition)
    found = amplitude_reference(rows, peaks, Normalize(kind="peak_dynamic"))
    np.testing.assert_allclose(found[:, 0], level)


def test_first_strides_calibrate_in_recording_order_and_have_no_reference_themselves() -> None:
    peaks = np.arange(1.0, 11.0, dtype=np.float32)[:, None].repeat(2, axis=1)
    peaks[9, 1] = np.nan
    rows = table(10, order=np.arange(10)[::-1])
    found = amplitude_reference(rows, peaks, Normalize(kind="first_strides", strides=3))
    assert found[0].tolist() == pytest.approx([np.percentile([10, 9, 8], 95), np.percentile([9, 8, 7], 95)])
    assert np.isnan(found[7:, 0]).all()
    assert np.isnan(found[6:, 1]).all()
    assert np.isfinite(found[:6]).all()
    later = peaks.copy()
    later[:6] *= 7
    np.testing.assert_array_equal(found, amplitude_reference(rows, later, Normalize(kind="first_strides", strides=3)))


def test_too_few_strides_to_calibrate_give_no_reference() -> None:
    found = amplitude_reference(table(3), np.ones((3, 2), np.float32), Normalize(kind="first_strides", strides=4))
    assert np.isnan(found).all()


@pytest.mark.parametrize("method", [Normalize(kind="peak_dynamic"), Normalize(kind="first_strides", strides=1)])
def test_without_a_positive_reference_there_is_none(method: Normalize) -> None:
    peaks = np.ones((4, 3), dtype=np.float32)
    peaks[:, 1] = 0.0
    peaks[:, 2] = np.nan
    found = amplitude_reference(table(4), peaks, method)
    assert np.isfinite(found[-1]).tolist() == [True, False, False]
    assert np.isnan(found[:, 1:]).all()


def test_strides_with_a_condition_serve_only_where_none_is_without() -> None:
    peaks = np.array([[1.0], [1.0], [5.0], [5.0]], np.float32)
    method = Normalize(kind="peak_dynamic")
    mixed = table(4).assign(condition=["none", "none", "fatigue", "fatigue"])
    np.testing.assert_allclose(amplitude_reference(mixed, peaks, method), 1.0)
    only = table(4, condition="perturbation")
    np.testing.assert_allclose(amplitude_reference(only, peaks, method), 5.0)


def test_none_leaves_the_unit_of_the_source() -> None:
    assert (amplitude_reference(table(2), np.full((2, 13), np.nan, np.float32), Normalize(kind="none")) == 1).all()


def test_normalize_divides_and_never_by_zero() -> None:
    emg = xr.DataArray(np.full((2, 3, 5), 4.0, np.float32), dims=("stride", "channel", "time"), attrs={"units": "mV"})
    scale = xr.DataArray([[2.0, 0.0, np.nan], [4.0, 8.0, 1.0]], dims=("stride", "channel"))
    found = process.normalize(emg.chunk({"stride": 1}), scale)
    assert found.chunks is not None
    assert found.attrs["units"] == "1"
    np.testing.assert_array_equal(found.values[..., 0], [[2.0, np.nan, np.nan], [1.0, 0.5, 4.0]])


PEOPLE = ("hu-A", "hu-B")


def crowd(count: int = 12) -> tuple[xr.DataArray, pd.DataFrame]:
    """Return the maxima and labels of the strides of two people, a session and side each."""
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=(2 * count, 2)).astype(np.float32)
    values[count:] *= 20
    channels = ["soleus", "vastus_lateralis"]
    peaks = xr.DataArray(values, dims=("stride", "channel"), coords={"channel": channels}, attrs={"units": "mV"})
    rows = table(2 * count, patient=np.repeat(PEOPLE, count), source_activity="walk")
    return peaks, rows.assign(order=np.tile(np.arange(count), 2))


@pytest.mark.parametrize(
    "method",
    [Normalize(kind="peak_dynamic"), Normalize(kind="first_strides", strides=3), Normalize(kind="mvc")],
)
def test_the_reference_never_sees_another_patient(method: Normalize) -> None:
    peaks, rows = crowd()
    rows.loc[[2, 14], "source_activity"] = "MVC soleus"
    first = (rows["patient"] == PEOPLE[0]).to_numpy()
    found = process.stride_reference(peaks, rows, method)
    others = peaks.where(xr.DataArray(first, dims="stride"), peaks * 1000)
    changed = process.stride_reference(others.assign_attrs(peaks.attrs), rows, method)
    np.testing.assert_array_equal(changed[first], found[first])
    assert not np.array_equal(changed[~first], found[~first], equal_nan=True)
    alone = process.stride_reference(peaks[first], rows[first], method)
    np.testing.assert_array_equal(alone, found[first])
    assert found.attrs["units"] == "mV"


@pytest.mark.parametrize("first", [0, 5])
def test_first_strides_never_see_later_ones(first: int) -> None:
    peaks, rows = crowd()
    method = Normalize(kind="first_strides", strides=3)
    before = process.stride_reference(peaks, rows, method)
    for last in range(3 + first, 12):
        later = (rows["order"] > last).to_numpy()
        changed = peaks.where(xr.DataArray(~later, dims="stride"), 1e6).assign_attrs(peaks.attrs)
        known = (rows["order"] <= last).to_numpy()
        after = process.stride_reference(changed, rows, method)
        np.testing.assert_array_equal(after[known], before[known])
    assert np.isnan(before[(rows["order"] < 3).to_numpy()]).all()


@pytest.mark.parametrize("first", ["none", "fatigue"])
@pytest.mark.parametrize("later", ["none", "fatigue"])
def test_the_condition_of_a_later_stride_changes_no_earlier_reference(first: str, later: str) -> None:
    peaks = np.arange(1.0, 11.0, dtype=np.float32)[:, None]
    method = Normalize(kind="first_strides", strides=3)
    rows = table(10, condition=[*[first] * 5, *["fatigue", "none"] * 2, first])
    before = amplitude_reference(rows, peaks, method)
    for last in range(10):
        changed = rows.assign(condition=rows["condition"].where(rows["order"] <= last, later))
        np.testing.assert_array_equal(amplitude_reference(changed, peaks, method)[: last + 1], before[: last + 1])
    same = table(10, condition=first)
    np.testing.assert_allclose(amplitude_reference(same, peaks, method)[3:], np.percentile([1, 2, 3], 95))


def test_maximum_contractions_are_those_listed_or_those_recorded() -> None:
    peaks, rows = crowd()
    rows.loc[3, "source_activity"] = "MVIC_right"
    rows.loc[[4, 5], "source_activity"] = ["Maximum Voluntary contraction", "remvcx"]
    recorded = process.stride_reference(peaks, rows, Normalize(kind="mvc"))
    np.testing.assert_allclose(recorded[:12], np.broadcast_to(peaks[3:5].max("stride"), (12, 2)))
    assert np.isnan(recorded[12:]).all(), "the other person has none"
    entry = {"patient": "hu-B", "side": "left", "channel": "soleus", "value": 7.0}
    listed = process.stride_reference(peaks, rows, Normalize.of({"kind": "mvc", "contractions": [entry]}))
    np.testing.assert_array_equal(listed[12:, 0], 7.0)
    assert np.isnan(listed[:12]).all()
    assert np.isnan(listed[12:, 1]).all()
    with pytest.raises(ConfigError, match="not one of"):
        Normalize.of({"kind": "mvc", "contractions": [{**entry, "channel": "solius"}]})
    with pytest.raises(ConfigError, match="mvc only"):
        Normalize.of({"kind": "none", "contractions": [entry]})
    with pytest.raises(ProcessingError, match="source_activity"):
        amplitude_reference(table(3), np.ones((3, 13), np.float32), Normalize(kind="mvc"))


def test_a_list_of_contractions_changes_the_hash_of_a_chain_and_no_list_does_not() -> None:
    plain = process.load_chain("bandpassed", ["normalize={kind: mvc}"])
    entry = "{patient: hu-B, side: left, channel: soleus, value: 7.0}"
    listed = process.load_chain("bandpassed", [f"normalize={{kind: mvc, contractions: [{entry}]}}"])
    assert plain.hash() != listed.hash()
    assert "contractions" not in plain.model_dump()["normalize"]
    assert Chain.of(listed.model_dump(mode="json")) == listed


def test_normalizing_is_undone_exactly_enough_and_keeps_units_honest() -> None:
    rng = np.random.default_rng(0)
    attrs = {"units": "mV", "sampling_frequency": 1000.0}
    emg = xr.DataArray(
        rng.standard_normal((2, 3, 50)).astype(np.float32), dims=("stride", "channel", "time"), attrs=attrs
    )
    scale = xr.DataArray(
        rng.lognormal(size=(2, 3)).astype(np.float32), dims=("stride", "channel"), attrs={"units": "mV"}
    )
    there = process.normalize(emg, scale)
    back = process.denormalize(there, scale)
    assert back.attrs == attrs
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, emg, rtol=3e-7)
    lazy = process.denormalize(process.normalize(emg.chunk({"stride": 1}), scale), scale)
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute(), back)
    with pytest.raises(ProcessingError, match="expected one unit"):
        process.normalize(emg, scale.assign_attrs(units="V"))
    with pytest.raises(ProcessingError, match="one a stride"):
        process.stride_reference(crowd()[0], table(3), Normalize())


def named() -> tuple[xr.DataArray, xr.DataArray]:
    """Return EMG of 3 strides and 2 channels, and its reference, all different."""
    coords = {"stride": [4, 5, 6], "channel": ["soleus", "vastus_lateralis"]}
    scale = xr.DataArray(np.arange(1.0, 7).reshape(3, 2), dims=("stride", "channel"), coords=coords)
    emg = scale.expand_dims(time=5).transpose("stride", "channel", "time") * 10
    return emg.astype(np.float32), scale


@pytest.mark.parametrize("step", [process.normalize, process.denormalize])
def test_a_reference_that_lacks_something_is_refused_and_nothing_is_dropped(step) -> None:  # type: ignore[no-untyped-def]
    emg, scale = named()
    for lacking, what in (
        (scale.isel(channel=[0]), "vastus_lateralis"),
        (scale.isel(stride=[0, 2]), "5"),
        (scale.assign_coords(stride=[4, 5, 7]), "6"),
    ):
        with pytest.raises(ProcessingError, match=f"none for {what}, expected one for each"):
            step(emg, lacking)
    with pytest.raises(ProcessingError, match="one label twice"):
        step(emg, scale.isel(stride=[0, 1, 2, 2]))
    with pytest.raises(ProcessingError, match="found 2 of 'stride' in the reference and 3"):
        step(emg, scale.drop_vars("stride").isel(stride=[0, 1]))
    with pytest.raises(ProcessingError, match="by person, which the EMG lacks"):
        step(emg, scale.expand_dims("person"))


def test_a_reference_is_matched_by_label_whatever_its_order() -> None:
    emg, scale = named()
    for same in (scale, scale[::-1], scale[:, ::-1], scale.drop_vars("stride"), scale.transpose()):
        found = process.normalize(emg, same)
        assert found.dims == emg.dims
        np.testing.assert_allclose(found, 10.0)
        assert found.channel.values.tolist() == emg.channel.values.tolist()
    np.testing.assert_allclose(process.normalize(emg[1:], scale), 10.0)
    assert process.normalize(emg.chunk({"stride": 1}), scale[::-1]).chunks is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda peaks, rows: (peaks, rows.drop(columns="session")), "table without session"),
        (lambda peaks, rows: (peaks, rows.drop(columns=["condition", "order"])), "table without condition, order"),
        (lambda peaks, rows: (peaks.assign_coords(channel=["soleus", "solius"]), rows), "found channel 'solius'"),
        (lambda peaks, rows: (peaks.drop_vars("channel"), rows), "with a coordinate"),
        (lambda peaks, rows: (peaks.rename(stride="step"), rows), "expected 'stride' and 'channel'"),
        (lambda peaks, rows: (peaks.expand_dims(time=3), rows), "Take the maximum over time"),
    ],
)
def test_an_incomplete_table_or_unknown_channel_is_named(change, message) -> None:  # type: ignore[no-untyped-def]
    peaks, rows = change(*crowd())
    with pytest.raises(ProcessingError, match=message):
        process.stride_reference(peaks, rows, Normalize())
