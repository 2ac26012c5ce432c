"""The configuration of a training run; every key is checked, an unknown one is an error."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from biomech_xr.config import Config
from biomech_xr.window.mixing import Mixing
from training.augmentation import Augmentation

BOOKKEEPING = (
    "out", "checkpoint_every", "log_every", "max_minutes", "device", "threads", "workers", "cache", "cache_gb"
)  # fmt: skip
"""Fields that do not change what is learned; they are left out of the hash that a resumed run must match."""


class Horizon(Config):
    """How far ahead the targets lie: `samples` of the stored kinematic grid, or `ms` read by linear interpolation."""

    samples: int | None = Field(default=None, ge=1)
    ms: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.samples is None) == (self.ms is None):
            raise ValueError("give either samples or ms, not both and not neither")
        return self

    def mapping(self) -> dict[str, float]:
        """Return ``{"samples": n}`` or ``{"ms": t}`` as the loader takes it."""
        return {"samples": self.samples} if self.samples is not None else {"ms": float(self.ms or 0.0)}


class ModelSizes(Config):
    """Sizes of the transformer: width of a token, attention heads, layers, dropout probability."""

    features: int = Field(default=64, ge=8)
    heads: int = Field(default=4, ge=1)
    encoder_layers: int = Field(default=2, ge=1)
    decoder_layers: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.features % (2 * self.heads):
            raise ValueError(f"features ({self.features}) must be a multiple of twice heads ({self.heads})")
        return self


class LossWeights(Config):
    """Weights of the loss terms; each term is near 1 for the trivial prediction, so they compare."""

    state: float = Field(default=1.0, ge=0)
    phase: float = Field(default=0.2, ge=0)
    torque: float = Field(default=0.5, ge=0)


class TrainConfig(Config):
    """One training run.

    `store` is the URL of the store, `chain` the strides product in it and `version` its version: the newest one when
    the run begins, which its ``config.yaml`` records with the digest of its pointer (`version_digest`), so that a
    resumed run and its scores read the same strides.
    `leave_out` is a dataset (``hu``) or a person (``hu-AB01``, in every dataset) whom the run never sees: neither
    training nor statistics nor validation; `training.evaluate` scores it. `left_out_patients`, which the run's
    ``config.yaml`` records, are the patients that this means.
    `window` counts EMG samples (1 kHz, so ms); `augment` changes training windows and `mixing` says how often each
    source and activity is drawn for them, never for validation, scores or statistics;
    `global_batch` counts windows over all ranks; `steps` are optimizer steps; `learning_rate` is the peak of a cosine
    schedule after `warmup` steps that ends at a tenth of it; `clip` bounds the gradient norm; `statistics_batches` are
    about the global batches that normalization is fitted on, spread over the training windows of every source;
    `validation_batches` are scored at every checkpoint, spread over the validation windows; `max_minutes` ends a run
    early, with a checkpoint; `precision` is that of the model's matrix products, while weights, losses and physical
    units are float32; `threads` are CPU threads per rank, `workers` processes per rank that make its training
    batches (0: threads of the rank do, which is rarely slower); `cache` is a folder on a fast disk that keeps at most
    `cache_gb` (10^9 bytes) of a store elsewhere. `evaluation_hop` and `max_windows` bound the windows that
    `training.evaluate` scores.
    """

    task: Literal["emg"] = "emg"
    store: str
    chain: str = "envelope"
    version: int | None = Field(default=None, ge=1)
    version_digest: str = ""
    datasets: tuple[str, ...] | None = None
    leave_out: str | None = Field(default=None, min_length=1)
    left_out_patients: tuple[str, ...] = ()
    window: int = Field(default=200, ge=8)
    hop: int = Field(default=1, ge=1)
    horizon: Horizon = Horizon(samples=1)
    history: Literal["require", "mask"] = "require"
    phase: Literal["none", "oracle", "estimated"] = "none"
    augment: tuple[Augmentation, ...] = ()
    mixing: Mixing | None = None
    global_batch: int = Field(default=512, ge=1)
    steps: int = Field(default=1000, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: int = Field(default=100, ge=0)
    clip: float = Field(default=1.0, gt=0)
    seed: int = Field(default=0, ge=0)
    precision: Literal["float32", "bf16"] = "float32"
    model: ModelSizes = ModelSizes()
    loss: LossWeights = LossWeights()
    statistics_batches: int = Field(default=40, ge=1)
    validation_batches: int = Field(default=20, ge=0)
    checkpoint_every: int = Field(default=200, ge=1)
    log_every: int = Field(default=20, ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    out: str
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(default=1, ge=1)
    workers: int = Field(default=0, ge=0)
    cache: str | None = None
    cache_gb: float = Field(default=50.0, gt=0)
    evaluation_hop: int = Field(default=1, ge=1)
    max_windows: int = Field(default=200_000, ge=1)

    def identity(self) -> str:
        """Return the hash that a resumed run must match: all but `BOOKKEEPING` and what only evaluation uses.

        A run that leaves nobody out has the hash that it had before there was `leave_out`.
        """
        unused = ("leave_out",) if self.leave_out is None else ()
        return self.hash(
            exclude=(*BOOKKEEPING, "version_digest", "left_out_patients", "evaluation_hop", "max_windows", *unused)
        )
