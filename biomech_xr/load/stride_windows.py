"""Strides of a store as shuffled batches of windows, the same set of windows per step for any number of ranks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from biomech_xr import vocabulary as words
from biomech_xr.load import description
from biomech_xr.load.blocks.prefetch import Waited, made, reading
from biomech_xr.load.checks import find_filters, find_horizon, whole_numbers
from biomech_xr.load.cut import gather
from biomech_xr.load.cut.host import CUTTERS, Batch, Cutter, HostCutter
from biomech_xr.load.epochs import Epochs
from biomech_xr.load.inputs.augment import Augmentation
from biomech_xr.load.inputs.options import Inputs, Making
from biomech_xr.load.inputs.phases import Phase
from biomech_xr.load.parts.filters import check_filters
from biomech_xr.load.parts.selection import make_sources, open_parts, persons_of, split_groups
from biomech_xr.load.ranks import check_process, check_steps, find_rank, own_steps
from biomech_xr.load.states import check_step, windows_of
from biomech_xr.load.told import Told
from biomech_xr.store.encoding import SCALE
from biomech_xr.store.local_cache import cache_for
from biomech_xr.store.objects import Url
from biomech_xr.window.index import History, index_windows
from biomech_xr.window.lanes import LANES
from biomech_xr.window.mixing import Mixing
from biomech_xr.window.order import POOL_BLOCKS, EpochOrder, Remainder


class StrideWindows(IterableDataset[Batch]):
    """Iterate over batches of windows: EMG history and joint state in, joint state, phase and torque at t + h out.

    Parameters
    ----------
    url
        Root of the platform's stores.
    split, split_name
        ``train``, ``validation`` or ``test`` of the stored person split `split_name`; None for everybody. A split that
        is not there is made, one that does not know all people of the store is extended. ``without:NAME`` and
        ``only:NAME`` leave out or take one person (``hu-AB156``), or everybody who has strides in a source (``hu``);
        ``train without:hu`` does both.
    chain
        Product to read.
    window
        EMG samples (1 kHz, so ms) in a window.
    hop
        Kinematic samples between windows of one stride.
    horizon
        ``{"samples": n}`` of the kinematic grid, by default the next one, or ``{"ms": x}``, interpolated linearly.
    global_batch
        Windows of one step over all ranks.
    seed
        With the epoch and `global_batch` it fixes the order.
    rank, world_size
        This process among those that share each step; by default from the environment (RANK, WORLD_SIZE).
    history
        ``require``: windows without full history are lost; ``mask``: they come with masks.
    phase
        ``oracle`` adds the phase at t, which nobody knows at t: not for headline scores. ``estimated`` adds time since
        contact over the duration of the stride before, which a device can know that detects contact without delay.
    companion
        Whether to add the state of the other leg at the same instant.
    augment
        Augmentations of training people, in the order in which they are applied (see `biomech_xr.load.inputs.augment`).
    emg
        ``float32``, or ``int16``: the stored codes, which cost half the memory; ``codes * windows.emg_step`` is EMG.
    remainder
        Windows that fill no whole step: ``drop``, or ``pad`` the step with windows of weight 0.
    filters
        Label -> value, list, slice or ``"> 1.2"``, ``emg`` -> True (see `selection.chosen`). Condition none is in force
        besides, unless ``condition`` is named (None: any); ``{}`` takes all strides.
    datasets
        Sources to read; by default all that are finished.
    version
        Version of the strides to read; the newest by default. The attribute `version` says which.
    mixing
        How often each source and activity is drawn (`window.mixing.Mixing`, or its values); by default once a window.
    lanes
        Blocks of 64 strides that are mixed at a time: more of them mix more people and need more memory.
    cache, cache_gb
        Folder on a fast disk for what is fetched from storage elsewhere, and the most (10^9 bytes) that it may hold.

    Yields
    ------
    dict of torch.Tensor
        B = global_batch / world_size windows, W = window; values where a mask is false are 0.

        - ``emg`` (B, 13, W), times `emg_step` in units of `emg_scale`; ``emg_mask`` (B, 13): every sample is measured
        - ``kinematic_state`` (B, 27): 9 angles (degree; joint, then motion), 9 velocities (degree/s), 9 accelerations
          (degree/s2), backward differences of the stored grid; ``kinematic_state_mask``
        - ``phase`` (B,) in [0, 1) and ``phase_mask`` (B,), if asked for
        - ``companion_state`` (B, 27), if asked for: of the other leg, its last stored sample at or before t, with
          ``companion_state_mask``, and ``companion_age`` (B,): the age of that state at t, s
        - ``target_kinematic_state`` (B, 27) and its mask; ``target_phase`` (B, 2) as sine and cosine and
          ``target_phase_mask`` (B,); ``target_torque`` (B, 9) in N m kg-1 and its mask
        - ``horizon``, ``state_age`` and ``spacing`` (B,): distance of the target from t, age of the state at t (0 but
          for causal chains, whose kinematics lag), and distance of kinematic samples, s
        - ``weight`` (B,): 0 for padding; ``dataset``, ``activity``, ``person`` (B,) int64: codes in the attributes
          `datasets`, `activities`, `persons`; ``stride`` row over all parts read; ``sample`` of its kinematic grid

    Raises
    ------
    NotAStoreError, SplitError, ConfigError
        On construction.
    LostDataError
        While iterating: stored data are missing or damaged.
    LoaderProcessError
        While iterating: in a forked process, or a state was loaded after workers had started.

    Notes
    -----
    Use it directly, or in ``DataLoader(windows, batch_size=None, num_workers=W, multiprocessing_context="spawn")``,
    where worker w makes the steps w, w + W, ... Background threads read and cut ahead, so workers are rarely faster.
    Batches that were cut together share memory, up to 24 MiB, used again once all of them and all views are dropped:
    clone what you keep. Without `set_epoch` each iteration repeats the epoch.
    """

    device = torch.device("cpu")
    """Where batches are."""
    _cutters = CUTTERS  # threads that cut batches before they are asked for

    def __init__(
        self,
        url: Url,
        *,
        split: str | None = None,
        chain: str = "envelope",
        window: int = 200,
        hop: int = 1,
        horizon: Mapping[str, float] | None = None,
        global_batch: int,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        history: History = "require",
        phase: Phase = "none",
        companion: bool = False,
        augment: Sequence[Augmentation] = (),
        emg: gather.Emg = "float32",
        remainder: Remainder = "drop",
        filters: Mapping[str, Any] | None = None,
        datasets: Sequence[str] | None = None,
        split_name: str = "default",
        version: int | None = None,
        mixing: Mixing | Mapping[str, Any] | None = None,
        lanes: int = LANES,
        cache: Url | None = None,
        cache_gb: float = 50.0,
    ) -> None:
        super().__init__()
        self.url = os.fspath(url)
        self.split, self.chain, self.phase, self.emg, self.remainder = split, chain, phase, emg, remainder
        sizes = whole_numbers(window=window, hop=hop, global_batch=global_batch, seed=seed, lanes=lanes)
        self.window, hop, self.global_batch, self.seed, lanes = sizes
        self.rank, self.world_size = find_rank(rank, world_size, self.global_batch)
        self.horizon = find_horizon(horizon)
        asked, in_force = find_filters(filters)
        kept = cache_for(self.url, cache, cache_gb)
        self.version, parts = open_parts(self.url, chain=chain, datasets=datasets, version=version, cache=kept)
        check_filters(parts, asked)
        groups = None
        if split is not None:
            groups = split_groups(
                self.url, chain=chain, split=split, name=split_name, parts=parts, version=self.version
            )
        self.datasets, self.activities, self.persons = tuple(parts), words.ACTIVITIES, persons_of(parts)
        index = partial(index_windows, horizon=self.horizon, window=self.window, hop=hop, history=history)
        self.sources = make_sources(parts, persons=self.persons, groups=groups, filters=in_force, index=index)
        self._inputs = Inputs.of(
            parts, self.sources, phase=phase, companion=companion, augment=augment, split=split, emg=emg
        )
        self._epochs = Epochs(
            self.sources,
            names=(self.datasets, self.activities),
            mixing=mixing,
            recorded=windows_of(self.sources, horizon=self.horizon, history=history, inputs=self._inputs),
            options={"seed": self.seed, "global_batch": sizes[2], "remainder": remainder, "lanes": lanes},
        )
        self._epoch, self._done, self._process = 0, 0, os.getpid()
        self._told, self.waited = Told(), Waited()
        self.steps_per_epoch = self._order().steps

    @property
    def windows(self) -> int:
        """The number of windows of an epoch over all ranks, those of the remainder included."""
        return self._epochs.windows

    @property
    def emg_step(self) -> float:
        """What EMG of a batch is multiplied with to be in units of `emg_scale`: 1 for float32, one code for int16."""
        return float(SCALE) if self.emg == "int16" else 1.0

    @property
    def lost(self) -> dict[str, int]:
        """Windows that are lost, by reason (`window.LOST_REASONS`)."""
        return description.lost([source.index for source in self.sources])

    @property
    def lookahead(self) -> float:
        """How far (s) inputs know the future: filters and upstream processing; a phase knows the next contact too."""
        return self.facts().lookahead

    @property
    def lookahead_known(self) -> bool:
        """Whether the upstream processing of the kinematics is known; if not, `lookahead` is a lower bound."""
        return self.facts().lookahead_known

    @property
    def calibration(self) -> str:
        """What the amplitude reference of EMG was computed over, which is no part of `lookahead`."""
        return self.facts().calibration

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; naming the epoch of a loaded state keeps its place."""
        (epoch,) = whole_numbers(epoch=epoch)
        if epoch != self._epoch:
            self._epoch, self._done = epoch, 0
            self._told.tell(epoch, 0)

    def state_dict(self, *, steps: int | None = None) -> dict[str, Any]:
        """Return where the iteration is, as plain values: the global steps consumed of an epoch, and of which data.

        Parameters
        ----------
        steps
            Steps consumed of this epoch. Needed when DataLoader workers iterate, of which this object hears nothing.

        Raises
        ------
        ConfigError
            Workers iterate and `steps` is not given, or the epoch has no such step.
        """
        step = self._told.here(self._done) if steps is None else check_step(steps, self.steps_per_epoch)
        return self._epochs.state(epoch=self._epoch, step=step)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the next iteration go on from a state, on any world size.

        Raises
        ------
        ConfigError
            The state is of other windows (store, split, filters, order, contents), or at no place of an epoch.
        """
        self._epochs.resume(state, steps=self.steps_per_epoch)
        self._epoch, self._done = int(state["epoch"]), int(state["step"])
        self._told.tell(self._epoch, self._done, loaded=True)

    def describe(self) -> str:
        """Return what is read, what is lost and why, and what the inputs know of the future, as text."""
        return description.describe(self.facts())

    def facts(self) -> description.Facts:
        """Return what `describe` says, as values."""
        title = f"{self.url}, chain {self.chain}, split {self.split or 'everybody'}: {', '.join(self.datasets)}"
        order, mixed = self._order(), self._epochs.describe()
        return description.collect(self.sources, self._inputs, order, title=title, horizon=self.horizon, mixed=mixed)

    def __iter__(self) -> Iterator[Batch]:
        """Return this rank's batches from where the state is; in a DataLoader worker its share of the steps."""
        worker = get_worker_info()
        check_process(type(self).__name__, self._process)
        check_steps(self.steps_per_epoch, self.facts)
        number, count = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        self._epoch, self._done = self._told.begin(in_worker=worker is not None)
        return self._batches(own_steps(self._done, self.steps_per_epoch, worker=number, workers=count))

    def _batches(self, steps: range) -> Generator[Batch, None, None]:
        self._told.check()
        order = self._order()
        seed, cutter, stored = (self.seed, self._epoch), self._cutter(order), self._epochs.blocks(order)
        making = Making(self._inputs, self.sources, stored, cutter, device=self.device, seed=seed, rank=self.rank)
        shares = (making.share(order.share(step, rank=self.rank, world_size=self.world_size)) for step in steps)
        plan = reading(self.sources, ahead=POOL_BLOCKS)
        plan |= {"makers": self._cutters, "together": making.together}
        stream = made(order, shares, making.read, making.batches, waited=self.waited, **plan)
        with contextlib.closing(stream):
            for step, batch in zip(steps, stream, strict=True):
                self._done = step + 1
                yield batch
                del batch

    def _cutter(self, order: EpochOrder) -> Cutter:
        """Return what makes batches out of blocks in an epoch of that order."""
        del order
        return HostCutter(batch=self.global_batch // self.world_size, window=self.window, emg=self.emg)

    def _order(self) -> EpochOrder:
        return self._epochs.order(self._epoch)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._process = os.getpid()
