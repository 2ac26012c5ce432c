"""What a chain does to EMG at one rate: a list of stages, each a small value that the engine runs on whole signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from biomech_xr.errors import ProcessingError
from biomech_xr.process.engine.kernels import Array

_DEEPEST: Final = 20

Shrink = Literal["soft", "hard", "garrote"]
Rule = Literal["universal", "sure", "bayes"]


@dataclass(frozen=True, slots=True)
class Sections:
    """Second-order sections of a linear filter, kept as bytes so that stages compare and hash; see `array`."""

    content: bytes

    @classmethod
    def of(cls, sections: Array) -> Sections:
        """Return the stage of sections of shape (sections, 6)."""
        return cls(np.ascontiguousarray(sections, dtype=np.float64).tobytes())

    @property
    def array(self) -> Array:
        """Return the sections, shape (sections, 6), read-only."""
        return np.frombuffer(self.content, dtype=np.float64).reshape(-1, 6)


@dataclass(frozen=True, slots=True)
class Center:
    """Subtract the mean of each gap-free piece."""


@dataclass(frozen=True, slots=True)
class Rectify:
    """Absolute value."""


@dataclass(frozen=True, slots=True)
class Rms:
    """Root mean square over ``samples``: centered on each sample (odd count), of causal chains over the last ones."""

    samples: int


@dataclass(frozen=True, slots=True)
class Tkeo:
    """Teager-Kaiser energy x[n]^2 - x[n-1] x[n+1], of causal chains one sample late; unit is the square of EMG's."""


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Wavelet denoising of each gap-free piece: detail coefficients of a DWT, or all but the lowest leaf of packets."""

    wavelet: str
    level: int
    rule: Rule
    shrink: Shrink
    packets: bool

    def __post_init__(self) -> None:
        """Refuse a level that no transform has."""
        if not 1 <= self.level <= _DEEPEST:
            raise ProcessingError(
                f"wavelet denoising: found level {self.level}, expected 1 to {_DEEPEST}. Choose another level."
            )


Stage = Sections | Center | Rectify | Rms | Tkeo | Shrinkage
