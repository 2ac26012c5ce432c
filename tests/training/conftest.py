"""One thread per process: two that wait for each other on a busy machine are many times slower."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
