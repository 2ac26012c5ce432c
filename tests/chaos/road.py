"""The road from raw files to strides as one command, to be killed: ``python -m tests.chaos.road store= raw=``."""

from __future__ import annotations

import sys
from pathlib import Path

from biomech_xr.process import load_chain
from biomech_xr.run import pending_patients
from pipelines import parse, process
from pipelines.cluster import ClusterConfig, connect
from pipelines.command import main

CHAIN = "envelope"


class RoadConfig(ClusterConfig):
    """Folder of raw trees, one a source, and the store that they go into."""

    raw: str
    store: str


def run(config: RoadConfig) -> int:
    """Parse and process whatever is missing."""
    sources = sorted(path.name for path in Path(config.raw).iterdir() if path.is_dir())
    with connect(config) as client:
        work = [
            parse.Unit(source, f"{config.raw}/{source}", patient)
            for source in sources
            for patient in pending_patients(source, Path(config.raw, source), config.store)[0]
        ]
        code = parse.parse(client, config.store, work) if work else 0
        return code or process.process(lambda: client, config.store, sources, load_chain(CHAIN))


if __name__ == "__main__":
    sys.exit(main(RoadConfig, run, __doc__ or ""))
