"""Train a model on windows of a strides store, on one process or many.

    torchrun --nproc_per_node=2 -m training.train training/configs/emg_demo.yaml steps=200

The same command goes on after an interruption, from the last checkpoint in `out`. Without torchrun, on one process:
`python -m training.train CONFIG.yaml key=value`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from biomech_xr.errors import BiomechXRError
from biomech_xr.store.stopping import PATIENCE, stopped_for, wait_for_requests
from training import distributed
from training.config import TrainConfig
from training.left_out import with_left_out
from training.loop import train
from training.run import with_version
from training.tasks.emg import EmgTask


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="training.train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", help="YAML file, see training/configs")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for example steps=200 model.features=32")
    options = parser.parse_args(arguments)
    leads = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(level=logging.INFO if leads else logging.ERROR, format="%(message)s", stream=sys.stderr)
    try:
        config = with_left_out(with_version(TrainConfig.load(options.config, options.overrides)))
        with distributed.start(config.device, threads=config.threads) as ranks:
            train(config, EmgTask(config), ranks)
    except BiomechXRError as error:
        if leads:
            print(f"error: {error}", file=sys.stderr)
        return _ended(2)
    return _ended(0)


def _ended(code: int) -> int:
    """Return the exit code, or leave with it where a signal came and a thread waits for storage that is away."""
    if stopped_for() and not wait_for_requests(PATIENCE):
        logging.shutdown()
        os._exit(code)  # Python would wait for the thread
    return code


if __name__ == "__main__":
    sys.exit(main())
