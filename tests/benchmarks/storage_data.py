"""Strides with realistic EMG for the benchmarks of the store."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from biomech_xr import vocabulary as words
from biomech_xr.schema import HISTORY
from biomech_xr.store import layout
from biomech_xr.store.encoding import encode_emg
from biomech_xr.synthetic.activation import KNOWN_MUSCLES
from biomech_xr.synthetic.emg import make_emg
from biomech_xr.synthetic.gait import Bout, make_gait
from biomech_xr.synthetic.person import generator, make_person
from tests.store.samples import Product, make_product

RATE = 1000
PER_PERSON = 128
PEOPLE = 4
TIME = 1500


def make_strides(strides: int, *, seed: int = 1) -> Product:
    """Return strides of walking people whose EMG is band-passed, so that it compresses worse than an envelope.

    EMG (stride, channel, time) is divided by its largest smoothed amplitude, as the chains do; unit 1, NaN after the
    end of a stride, at 1 kHz from 0.25 s before its contact.
    """
    product = make_product("hu", strides=strides, time=TIME, seed=seed)
    people = [make_person_strides(seed, number) for number in range(PEOPLE)]
    emg = np.concatenate([people[number % PEOPLE] for number in range(-(-strides // PER_PERSON))])[:strides]
    return dataclasses.replace(product, block={**product.block, "emg": emg})


def write_bare(product: Product, store: Any) -> None:
    """Write the arrays of strides with zarr alone: the same chunks, shards, codecs and EMG codes, and nothing else."""
    group, count = zarr.create_group(store=store), len(product.labels)
    for name, (dims, tail) in product.template.items():
        values = product.block[name]
        array = layout.create_stride_array(group, name, strides=count, tail=tail, dims=dims)
        for start, stop in (layout.shard_bounds(shard, count) for shard in range(layout.shard_count(count))):
            array[start:stop] = encode_emg(values[start:stop])[0] if name == "emg" else values[start:stop]


def make_person_strides(seed: int, number: int) -> npt.NDArray[np.float32]:
    """Return the EMG of `PER_PERSON` strides of one person, as `make_strides` has it."""
    rng = generator(seed, "strides", number)
    person = make_person(f"AB{number}", seed=seed)
    gait = make_gait(person, [Bout(activity="walk", duration=1.35 * PER_PERSON)], rng, grid=RATE)
    muscles = [name for name in words.MUSCLES if name in KNOWN_MUSCLES]
    raw = make_emg(gait, "right", muscles, rng, rate=RATE, line_frequency=50, hum=0.002, offset=0)
    kernel = np.ones(100) / 100
    peak = [np.convolve(np.abs(channel), kernel, "same").max() for channel in raw.T]
    signal = np.full((len(raw), len(words.MUSCLES)), np.nan, dtype=np.float32)
    signal[:, [words.MUSCLES.index(name) for name in muscles]] = raw / peak
    contacts = np.rint(gait.contacts["right"] * RATE).astype(int)
    out = np.full((PER_PERSON, len(words.MUSCLES), TIME), np.nan, dtype=np.float32)
    for row, (start, stop) in enumerate(itertools.pairwise(contacts[1 : PER_PERSON + 2])):
        piece = signal[start - HISTORY : min(stop, start - HISTORY + TIME)]
        out[row, :, : len(piece)] = piece.T
    return out
