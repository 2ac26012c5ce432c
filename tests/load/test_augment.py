"""Augmentation: the same for everybody, honest about what is measured, on training people alone."""

from __future__ import annotations

import itertools
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from biomech_xr.errors import ConfigError
from biomech_xr.load import AmplitudeScale, ChannelDropout, DeviceWindows, Noise, StrideWindows, TimeJitter
from biomech_xr.load.inputs import draws
from biomech_xr.load.inputs.jitter import Jitter
from tests.load.stores import write_store

ALL = (
    TimeJitter(ms=30),
    ChannelDropout(p=0.3),
    ChannelDropout(p=0.2, part="kinematics"),
    AmplitudeScale(low=0.5, high=2.0),
    Noise(sd=0.1),
)
OPTIONS = {"global_batch": 48, "window": 41, "hop": 3, "filters": {}, "history": "mask", "phase": "oracle"}
Batch = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of several blocks."""
    folder = tmp_path_factory.mktemp("augment")
    write_store(folder, "hu", {"a": 90, "b": 40, "c": 30, "d": 10}, seed=4)
    return folder


def pair(root: Path, *augment: object, steps: int = 25, **options) -> list[tuple[Batch, Batch]]:
    """Return batches without and with augmentations that leave the windows where they are."""
    plain, changed = (StrideWindows(root, augment=one, **(OPTIONS | options)) for one in ((), augment))
    return list(itertools.islice(zip(plain, changed, strict=True), steps))


def assert_same(one: Batch, other: Batch) -> None:
    assert set(one) == set(other)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_a_window_comes_out_the_same_for_any_world_size(root: Path) -> None:
    alone = list(itertools.islice(StrideWindows(root, augment=ALL, **OPTIONS), 20))
    for world_size in (2, 3):
        ranks = [StrideWindows(root, augment=ALL, rank=r, world_size=world_size, **OPTIONS) for r in range(world_size)]
        for whole, *parts in zip(alone, *ranks, strict=False):
            assert_same(whole, {name: torch.cat([part[name] for part in parts]) for name in whole})


def test_it_is_the_same_after_a_resume_and_another_in_another_epoch(root: Path) -> None:
    windows = StrideWindows(root, augment=ALL, seed=3, **OPTIONS)
    whole = list(itertools.islice(windows, 9))
    again = StrideWindows(root, augment=ALL, seed=3, **OPTIONS)
    again.load_state_dict({**windows.state_dict(), "step": 4})
    for one, other in zip(whole[4:], again, strict=False):
        assert_same(one, other)
    noise = []
    for seed, epoch in ((3, 0), (3, 1), (4, 0)):
        one, other = (StrideWindows(root, augment=steps, seed=seed, **OPTIONS) for steps in ((), (Noise(sd=1.0),)))
        one.set_epoch(epoch)
        other.set_epoch(epoch)
        first, second = next(iter(one)), next(iter(other))
        noise.append((second["emg"] - first["emg"])[first["emg_mask"]].ravel()[:8000])
    assert abs(np.corrcoef(np.stack(noise))[np.triu_indices(3, 1)]).max() < 0.05


def test_a_copy_in_another_process_would_make_the_same(root: Path) -> None:
    options = OPTIONS | {"phase": "estimated", "companion": True, "augment": ALL}
    windows = StrideWindows(root, **options)
    sent = pickle.loads(pickle.dumps(windows))  # noqa: S301 - our own, as a worker gets it
    for one, other in itertools.islice(zip(windows, sent, strict=True), 3):
        assert_same(one, other)


def test_the_device_augments_to_the_same_bits(root: Path) -> None:
    host, device = (kind(root, augment=ALL, **OPTIONS) for kind in (StrideWindows, DeviceWindows))
    for one, other in itertools.islice(zip(host, device, strict=True), 10):
        for name in ("emg", "emg_mask", "kinematic_state_mask", "sample"):
            assert torch.equal(one[name], other[name]), name
    keys, mask = draws.bits(torch.arange(30), 13), torch.rand(30, 13) < 0.7
    values = torch.zeros(30, 13, 41)
    draws.add_normal(values, mask, keys, 1.0)
    assert torch.equal(values, torch.where(mask[..., None], draws.normal(keys, 41), 0.0))
    assert [hex(int(word) % 2**64) for word in draws.bits(torch.tensor([1234567]), 2)[0]] == [
        "0x599ed017fb08fc85",
        "0x2c73f08458540fa5",
    ], "what SplitMix64 gives for this seed elsewhere"


@pytest.mark.parametrize("emg", ["float32", "int16"])
def test_dropout_hides_whole_channels_and_shows_none(root: Path, emg: str) -> None:
    hidden, measured = torch.zeros(13), torch.zeros(13)
    for plain, changed in pair(root, ChannelDropout(p=0.25), emg=emg):
        gone = plain["emg_mask"] & ~changed["emg_mask"]
        assert not (changed["emg_mask"] & ~plain["emg_mask"]).any()
        kept = changed["emg_mask"][..., None]
        assert torch.equal(changed["emg"], torch.where(kept, plain["emg"], torch.zeros_like(plain["emg"])))
        hidden, measured = hidden + gone.sum(0), measured + plain["emg_mask"].sum(0)
        assert_same(*({name: value for name, value in one.items() if "emg" not in name} for one in (plain, changed)))
    share = hidden / measured
    assert (share - 0.25).abs().max() < 5 * (0.25 * 0.75 / measured.min()) ** 0.5
    assert share.std() > 0


def test_dropout_hides_a_joint_with_its_derivatives_but_no_target(root: Path) -> None:
    shares = []
    for plain, changed in pair(root, ChannelDropout(p=0.4, part="kinematics")):
        before, after = (one["kinematic_state_mask"].view(-1, 3, 9) for one in (plain, changed))
        assert not (after & ~before).any()
        whole = before.all(dim=1)
        gone = (before & ~after).sum(dim=1)[whole]
        assert ((gone == 0) | (gone == 3)).all()
        shares.append((gone == 3).float().mean())
        assert not changed["kinematic_state"][~changed["kinematic_state_mask"]].any()
        kept = changed["kinematic_state_mask"]
        assert torch.equal(changed["kinematic_state"][kept], plain["kinematic_state"][kept])
        for name in ("target_kinematic_state", "target_kinematic_state_mask", "emg", "target_torque"):
            assert torch.equal(plain[name], changed[name])
    assert float(np.mean(shares)) == pytest.approx(0.4, abs=0.03)


def test_amplitude_is_scaled_by_one_uniform_number_a_channel(root: Path) -> None:
    found = []
    for plain, changed in pair(root, AmplitudeScale(low=0.5, high=1.5)):
        mask = plain["emg_mask"] & (plain["emg"].amin(dim=-1) > 0)
        factor = changed["emg"][mask] / plain["emg"][mask]
        assert (factor.amax(dim=1) - factor.amin(dim=1)).max() < 1e-5
        found.append(factor[:, 0])
        assert torch.equal(plain["emg_mask"], changed["emg_mask"])
        assert not changed["emg"][~plain["emg_mask"]].any()
    factor = torch.cat(found).sort().values
    assert len(factor) > 4000
    assert (factor - torch.linspace(0.5, 1.5, len(factor))).abs().max() < 0.03


def test_noise_is_white_normal_and_on_measured_channels_alone(root: Path) -> None:
    found = []
    for plain, changed in pair(root, Noise(sd=0.2)):
        assert torch.equal(plain["emg_mask"], changed["emg_mask"])
        assert not changed["emg"][~plain["emg_mask"]].any()
        found.append((changed["emg"] - plain["emg"])[plain["emg_mask"]])
    noise = torch.cat(found) / 0.2
    assert len(noise) > 4000
    assert float(noise.std()) == pytest.approx(1, abs=0.005)
    assert float((noise**4).mean()) == pytest.approx(3, abs=0.05)
    lags = [(noise[:, lag:] * noise[:, : 41 - lag]).mean() for lag in range(1, 9)]
    assert max(map(abs, lags)) < 0.01
    assert abs((noise[1:] * noise[:-1]).mean()) < 0.01, "neighboring channels and windows"


@pytest.mark.parametrize("kind", [StrideWindows, DeviceWindows])
def test_jitter_gives_windows_that_exist_with_everything_that_belongs_to_them(root: Path, kind: type) -> None:
    batches = list(StrideWindows(root, **(OPTIONS | {"hop": 1, "remainder": "pad"})))
    every = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0] if name != "weight"}
    places = {key: row for row, key in enumerate(zip(every["stride"].tolist(), every["sample"].tolist(), strict=True))}
    moves = []
    jittered = kind(root, augment=[TimeJitter(ms=40)], **OPTIONS)
    for plain, changed in zip(StrideWindows(root, **OPTIONS), jittered, strict=True):
        assert torch.equal(plain["stride"], changed["stride"])
        move = changed["sample"] - plain["sample"]
        assert (move.abs() * plain["spacing"] <= 0.04 + 1e-6).all()
        moves.append(move)
        keys = zip(changed["stride"].tolist(), changed["sample"].tolist(), strict=True)
        rows = [places[key] for key in keys]
        for name, value in every.items():
            torch.testing.assert_close(changed[name], value[rows], rtol=3e-7, atol=1e-9, msg=name)
    move = torch.cat(moves)
    assert set(move.tolist()) == {-3, -2, -1, 0, 1, 2, 3}, "40 ms are three samples or, of the shortest stride, less"
    assert abs(move.float().mean()) < 0.2
    assert len(torch.unique(torch.cat([batch["sample"] for batch in jittered]) % 3)) == 3


def test_a_window_that_a_step_holds_twice_comes_out_as_two(root: Path) -> None:
    options = OPTIONS | {"mixing": {"balance": "activity"}, "global_batch": 1000}
    moved, noisy = [], []
    lists = ((), (TimeJitter(ms=40),), (Noise(sd=1.0),))
    for one, elsewhere, other in zip(*(StrideWindows(root, augment=each, **options) for each in lists), strict=True):
        added = other["emg"] - one["emg"]
        places = torch.stack([one["stride"], one["sample"]], dim=1)
        unique, times = torch.unique(places, dim=0, return_counts=True)
        for place in unique[times > 1]:
            rows = (places == place).all(dim=1).nonzero()[:2, 0]
            if one["emg_mask"][rows[0]].any():
                moved.append(bool(elsewhere["sample"][rows[0]] != elsewhere["sample"][rows[1]]))
                noisy.append(not torch.allclose(added[rows[0]], added[rows[1]], atol=0.1))
    assert len(moved) > 50
    assert all(noisy)
    assert 0.6 < np.mean(moved) < 0.95, "two of up to seven places are often different"


def test_jitter_draws_the_ends_of_a_stride_somewhat_less(root: Path) -> None:
    windows = StrideWindows(root, **(OPTIONS | {"hop": 1, "remainder": "pad"}))
    order, blocks = windows._order(), windows._epochs.stored
    drawn = np.zeros((len(blocks), order.counts.max()))
    for seed in range(20):
        jitter = Jitter(windows.sources, blocks, ms=40, seed=(seed, 0), place=0)
        for step in range(order.steps):
            share = jitter(order.share(step), 0)
            np.add.at(drawn, (share.block, share.offset), share.weight / 20)
    [source] = windows.sources
    ends, beside = [], []
    for number, (_, row) in enumerate(blocks):
        count = source.index.count[row : row + source.chunk]
        for first, size in zip(np.cumsum(count) - count, count, strict=True):
            if size > 12:
                ends += [drawn[number, first], drawn[number, first + size - 1]]
                beside += [drawn[number, first + 3], drawn[number, first + size - 4]]
    assert 0.7 < np.mean(ends) < 0.8
    assert 1.05 < np.mean(beside) < 1.25


def test_jitter_that_moves_nothing_is_an_error_and_its_share_is_stated(root: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"TimeJitter\(ms=5\), which moves no window: .* are 1\d\.?\d* ms apart or more"
    ):
        StrideWindows(root, augment=[TimeJitter(ms=5)], **OPTIONS)
    with pytest.raises(ConfigError, match="a stride needs two windows"):
        StrideWindows(root, augment=[TimeJitter(ms=40)], **(OPTIONS | {"hop": 100}))
    durations = np.concatenate([source.duration for source in StrideWindows(root, **OPTIONS).sources])
    some = StrideWindows(root, augment=[TimeJitter(ms=1000 * float(np.median(durations)) / 40)], **OPTIONS).describe()
    share = float(re.search(r"time jitter: ([\d.]+)% of the windows can move", some)[1])
    assert 40 < share < 60
    assert "100.0% of the windows can move" in StrideWindows(root, augment=[TimeJitter(ms=30)], **OPTIONS).describe()


def test_augmentations_are_stated(root: Path) -> None:
    windows = StrideWindows(root, augment=ALL[:2], split="train", **OPTIONS)
    assert "augmentation: TimeJitter(ms=30), ChannelDropout(p=0.3, part='emg')" in windows.describe()
    assert "augmentation" not in StrideWindows(root, **OPTIONS).describe()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: {"augment": [Noise(sd=0.1)], "emg": "int16"},
            r"Noise\(sd=0.1\) changes values of EMG, found emg='int16'",
        ),
        (lambda: {"augment": [AmplitudeScale(low=1, high=2)], "emg": "int16"}, "expected emg='float32'"),
        (lambda: {"augment": [ChannelDropout(p=0.1)], "split": "validation"}, "split='validation', expected 'train'"),
        (lambda: {"augment": [ChannelDropout(p=0.1)], "split": "test"}, "split='test', expected 'train'"),
        (lambda: {"augment": [ChannelDropout(p=0.1)], "split": "only:hu-a"}, "split='only:hu-a', expected 'train'"),
        (lambda: {"augment": [TimeJitter(ms=1), TimeJitter(ms=2)]}, "TimeJitter twice"),
        (lambda: {"augment": ["noise"]}, "found 'noise', expected augmentations"),
        (lambda: {"augment": [ChannelDropout(p=1.5)]}, "expected 0 <= p <= 1"),
        (lambda: {"augment": [ChannelDropout(p=0.5, part="torque")]}, "expected part 'emg' or 'kinematics'"),
        (lambda: {"augment": [AmplitudeScale(low=2, high=1)]}, "expected 0 < low <= high"),
        (lambda: {"augment": [Noise(sd=float("nan"))]}, "expected sd > 0"),
        (lambda: {"augment": [TimeJitter(ms=0)]}, "expected ms > 0"),
    ],
)
def test_what_cannot_be_is_refused(root: Path, make, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StrideWindows(root, **(OPTIONS | make()))
