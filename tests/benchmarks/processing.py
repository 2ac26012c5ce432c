"""Processing in one table: kernels on one core, wavelet packets, other libraries, the road from Zarr to Zarr on Dask.

    python -m tests.benchmarks.processing [--json bench/processing.json] [--strides 3000] [--seconds 60] [--quick]

Each part runs alone as well: `processing_kernels`, `processing_packets`, `processing_peers` (after `make peers`),
`processing_dask`.
"""

from __future__ import annotations

import tempfile

from biomech_xr.process import load_chain
from tests.benchmarks.common import Case, arguments, report
from tests.benchmarks.processing_dask import STRIDES, graph_cases, make_setting, road_cases
from tests.benchmarks.processing_kernels import RATES, chain_cases
from tests.benchmarks.processing_packets import packet_cases
from tests.benchmarks.processing_peers import peer_cases


def main() -> None:
    """Measure all parts, one after the other, and report."""
    parser = arguments("Processing beside loops, batched SciPy, other libraries and bare threads.")
    parser.add_argument("--strides", type=int, default=3000, help="strides to process on Dask")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the trials of the kernels")
    parser.add_argument("--quick", action="store_true", help="short trials, 400 strides, one repeat")
    given = parser.parse_args()
    seconds, repeats = (10.0, 1) if given.quick else (given.seconds, 3)
    cases: dict[str, Case] = {}
    for rate in RATES:
        cases |= chain_cases(rate, seconds, repeats)
    cases |= packet_cases() | peer_cases(seconds, repeats)
    with tempfile.TemporaryDirectory() as folder:
        setting = make_setting(folder, 400 if given.quick else given.strides, repeats, load_chain("default"))
        cases |= graph_cases(STRIDES // 10 if given.quick else STRIDES) | road_cases(setting)
    report(cases, given.json)


if __name__ == "__main__":
    main()
