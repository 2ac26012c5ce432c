"""The process that reads mutated files, under a limit of memory; `tests.fuzz` starts it and may see it die.

It reads lines of JSON (``path``, ``expect``) and answers each with a line (``outcome``, ``detail``, ``seconds``).
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from biomech_xr.errors import BiomechXRError
from biomech_xr.memory import peak_memory
from biomech_xr.readers import _limited
from tests.fuzz.damage_hdf5 import SECRET
from tests.fuzz.families import FAMILIES, Family
from tests.fuzz.outcomes import Expect, Result, equal, sound

CAP = 4 * 1024**3
"""Bytes of address space of the process that reads."""


class _Caught:
    """Keeps whatever is raised inside, which is what we look for."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return True


def judge(family: Family, path: Path, expect: Expect, baseline: Result) -> tuple[str, str]:
    """Return what came of reading a mutated file: error, same, changed, wrong or foreign; and its detail."""
    result: Result = {}
    with _Caught() as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = family.read(path)
    if isinstance(caught.error, BiomechXRError):
        return ("wrong" if expect is Expect.SAME else "error"), str(caught.error)
    if caught.error is not None:
        return "foreign", f"{type(caught.error).__name__}: {caught.error}"
    if expect is Expect.ERROR:
        return "wrong", "read without an error"
    if equal(result, baseline):
        return "same", ""
    if any(
        isinstance(value, np.ndarray) and value.dtype.kind == "f" and (value == SECRET).any()
        for value in result.values()
    ):
        return "wrong", "values of another file"
    problem = sound(result)
    if problem or expect is Expect.SAME:
        return "wrong", problem or "other values than those of the undamaged file"
    return "changed", ""


def main(name: str, source: str) -> None:
    """Answer until the input ends, then tell the peaks of memory."""
    family = FAMILIES[name]
    resource.setrlimit(resource.RLIMIT_AS, (CAP, CAP))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers, sys.stdout = sys.stdout, sys.stderr
    baseline = family.read(Path(source))

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    answer({"ready": len(baseline)})
    for line in sys.stdin:
        order = json.loads(line)
        started = time.perf_counter()
        outcome, detail = judge(family, Path(order["path"]), Expect(order["expect"]), baseline)
        answer({"outcome": outcome, "detail": detail[:300], "seconds": time.perf_counter() - started})
    _limited.stop()
    answer({"peak": peak_memory() / 2**30, "parsers": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
