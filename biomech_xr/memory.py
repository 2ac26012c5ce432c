"""The memory of this process."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_memory() -> int:
    """Return the most memory that this process has had, bytes.

    Linux counts what the process had that started this one in `ru_maxrss`, so the kernel's own figure of this program
    is taken where there is one.
    """
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="ascii").splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
