"""An emulator in this process, on a thread of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from biomech_xr.errors import ConfigError
from biomech_xr.testing.gcs.answers import RefusedError
from biomech_xr.testing.gcs.contents import MemoryContents
from biomech_xr.testing.gcs.counts import RequestCounts
from biomech_xr.testing.gcs.faults import Faults, Injector
from biomech_xr.testing.gcs.folder import FolderContents
from biomech_xr.testing.gcs.objects import Buckets
from biomech_xr.testing.gcs.server import Server
from biomech_xr.testing.gcs.service import Service

BUCKET: Final = "biomech"
PROJECT: Final = "emulated"


class GcsEmulator:
    """Google Cloud Storage on this machine, for tests: start it with ``with``, or with `start` and `stop`.

    Parameters
    ----------
    buckets
        Buckets that exist from the start.
    root
        Folder that keeps the objects; without one they live in memory.
    host, port
        Where to listen; port 0 takes a free one. Anyone who reaches the port may read and write.
    latency
        Seconds before each reply.
    bandwidth
        Bytes a second and direction on each connection, 0 for no limit.
    faults
        What goes wrong, and how often.
    forbidden, read_only
        Patterns of ``bucket/object``, or of a bucket, for which all requests, or all changes, are answered 403.
    md5
        Compute the MD5 of every object as it arrives; see `biomech_xr.testing.gcs.objects.Buckets`.

    Raises
    ------
    ConfigError
        A number is negative, or a bucket's name impossible.
    StoreError
        The port is taken, or `root` is no folder of an emulator.
    """

    def __init__(
        self,
        *,
        buckets: Sequence[str] = (BUCKET,),
        root: str | os.PathLike[str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        bandwidth: float = 0.0,
        faults: Faults | None = None,
        forbidden: Sequence[str] = (),
        read_only: Sequence[str] = (),
        md5: bool = False,
    ) -> None:
        if latency < 0 or bandwidth < 0:
            raise ConfigError(f"emulator: found latency={latency}, bandwidth={bandwidth}; expected 0 or more.")
        self._host, self._port = host, port
        self._latency, self._bandwidth = latency, bandwidth
        contents = FolderContents(Path(root)) if root is not None else MemoryContents()
        self._buckets = Buckets(contents, md5=md5)
        try:
            for bucket in set(buckets) - set(self._buckets.bucket_names()):
                self._buckets.make_bucket(bucket)
        except RefusedError as refused:
            raise ConfigError(
                f"emulator: {refused.message} Use 3 to 222 of a-z, 0-9, dot, dash and underscore."
            ) from None
        self._service = Service(
            buckets=self._buckets,
            forbidden=tuple(forbidden),
            read_only=tuple(read_only),
            injector=Injector(faults=faults or Faults()),
        )
        self._server: Server | None = None

    def start(self) -> Self:
        """Listen and serve; return the emulator."""
        if self._server is None:
            self._server = Server(
                self._service, host=self._host, port=self._port, latency=self._latency, bandwidth=self._bandwidth
            )
            self._port = self._server.port
        return self

    def stop(self) -> None:
        """Close the port and all connections; objects stay, so that `start` serves them again on the same port."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the emulator, such as ``http://127.0.0.1:9023``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def requests(self) -> RequestCounts:
        """Requests served so far."""
        return self._service.counting.snapshot()

    @property
    def injected(self) -> dict[str, int]:
        """How often each fault was injected."""
        return self._service.injector.snapshot()

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self._service.injector.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        """Replace what goes wrong; all attempts, matches and counts of faults start anew."""
        self._service.injector = Injector(faults=faults)

    def reset(self) -> None:
        """Count requests and injected faults from zero."""
        self._service.counting.reset()
        self._service.injector.reset()

    def service_account(self) -> str:
        """Return the JSON text that makes obstore speak to the emulator (``service_account_key``)."""
        return json.dumps(
            {
                "gcs_base_url": self.url,
                "disable_oauth": True,
                "client_email": "",
                "private_key": "",
                "private_key_id": "",
            }
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that make gcsfs, fsspec and obstore speak to the emulator.

        They count when they are set **before** these libraries are imported, in each process.
        """
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            "GCSFS_DEFAULT_PROJECT": PROJECT,
            "FSSPEC_GS_TOKEN": "anon",
            "FSSPEC_GCS_TOKEN": "anon",
            "GOOGLE_SERVICE_ACCOUNT_KEY": self.service_account(),
        }
