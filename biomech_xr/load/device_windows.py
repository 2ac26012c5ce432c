"""Windows that are cut where the model is: strides are shipped to the device, batches are made there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import get_worker_info

from biomech_xr.errors import ConfigError
from biomech_xr.load.blocks.buffers import Pieces
from biomech_xr.load.cut.arena import Room
from biomech_xr.load.cut.device import DeviceCutter
from biomech_xr.load.cut.host import Cutter
from biomech_xr.load.ranks import LoaderProcessError
from biomech_xr.load.stride_windows import StrideWindows
from biomech_xr.store.objects import Url
from biomech_xr.window.order import POOL_BLOCKS, EpochOrder


class DeviceWindows(StrideWindows):
    """Iterate over the batches of `StrideWindows`, cut, scaled and differentiated on a device.

    Order, contents (to float32 rounding), options and state are those of `StrideWindows`, so a state of one can be
    loaded into the other. A sample of EMG is in dozens of windows: shipping the stride once costs about a
    thirtieth of shipping its windows (hop 1, 200 points).

    Parameters
    ----------
    url
        Root of the platform's stores.
    device
        ``cpu``, ``cuda`` or ``cuda:N``: where batches are made and stay.
    **options
        Those of `StrideWindows`.

    Raises
    ------
    ConfigError
        On construction: another kind of device, or one that is not there; and what `StrideWindows` raises.
    LoaderProcessError
        While iterating: in a DataLoader worker with a CUDA device, and where `StrideWindows` raises it.

    Notes
    -----
    On CUDA, strides cross in pinned memory on a stream of their own while earlier batches are cut. Iterate it directly,
    not in workers of a DataLoader: blocks are read ahead in threads.
    """

    _cutters = 0  # work on a device is in the order, and on the stream, of who asks

    def __init__(self, url: Url, *, device: str | torch.device = "cpu", **options: Any) -> None:
        self.device = _find_device(device)
        self._memory = Pieces(spare=1)  # of the strides of an epoch, used again by the next one
        super().__init__(url, **options)

    def _cutter(self, order: EpochOrder) -> Cutter:
        if self.device.type == "cuda" and get_worker_info() is not None:
            raise LoaderProcessError(
                "DeviceWindows with a CUDA device is iterated in a DataLoader worker, which would send every batch "
                "through another process. Iterate it directly: reading ahead is a thread."
            )
        ahead = POOL_BLOCKS if self.device.type == "cuda" else 2 * POOL_BLOCKS  # here they are read into their slots
        return DeviceCutter(
            self.device,
            batch=self.global_batch // self.world_size,
            window=self.window,
            emg=self.emg,
            room=Room.of(
                [source for source in self.sources if source.index.total],
                slots=min(self._epochs.lanes + ahead, order.counts.size),
            ),
            between=any(bool(source.index.fraction.any()) for source in self.sources),
            over=lambda block, pool: order.pool_of(block) < pool,
            memory=self._memory,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_memory"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__({**state, "_memory": Pieces(spare=1)})


def _find_device(device: str | torch.device) -> torch.device:
    """Return a device of the kinds that are supported, with its number."""
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ConfigError(f"device: found {device!r}, expected 'cpu', 'cuda' or 'cuda:N'.") from None
    if found.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: found {str(device)!r}, expected 'cpu', 'cuda' or 'cuda:N'.")
    if found.type == "cpu":
        return torch.device("cpu")
    number = found.index or 0
    if number >= torch.cuda.device_count():
        raise ConfigError(f"device: found {str(device)!r}, but torch sees {torch.cuda.device_count()} CUDA device(s).")
    return torch.device("cuda", number)
