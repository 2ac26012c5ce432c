"""Leave one out: a person or a dataset that a run never sees, and that its scores are of.

The stored split stays in force for everybody else: the others' training people train, their validation people validate,
and nobody has seen their test people. A person is left out of every dataset; a dataset is left out with everybody who
has strides in it, wherever else they have some.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biomech_xr.errors import ConfigError, SplitError, describe
from training.config import TrainConfig
from training.run import read_config

if TYPE_CHECKING:
    from biomech_xr.store.persons import PersonTable

LEFT_OUT: Final = "left_out"
"""Name of what is scored in place of the test split."""

_SHOWN: Final = 12
"""People that an error names."""


def view(split: str, config: TrainConfig) -> str:
    """Return what a loader is asked for: ``train`` is ``train without:hu``, `LEFT_OUT` is ``only:hu``."""
    if config.leave_out is None:
        return split
    return f"only:{config.leave_out}" if split == LEFT_OUT else f"{split} without:{config.leave_out}"


def datasets(config: TrainConfig) -> Sequence[str] | None:
    """Return where the one left out is scored: a dataset in its own strides, a person in those of every dataset."""
    from biomech_xr.store import find_datasets  # here, because the libraries of stores take seconds to import

    name = config.leave_out or ""
    return [name] if name in find_datasets(config.store, config.chain, version=config.version) else None


def with_left_out(config: TrainConfig) -> TrainConfig:
    """Return the configuration with the patients that are left out, of whom there is at least one, and some others.

    Parameters
    ----------
    config
        With its version, see `training.run.with_version`.

    Raises
    ------
    ConfigError
        No dataset and no person of that name, or it is in quarantine, or nobody else is there; or patients were joined
        with the one left out (or removed) since the run in `out` began.
    """
    if config.leave_out is None:
        return config
    known = config.left_out_patients
    file = Path(config.out) / "config.yaml"
    if not known and file.is_file():
        before = read_config(file.parent)
        known = before.left_out_patients if before.leave_out == config.leave_out else ()
    now = patients(config)
    if known and known != now:
        changed = ", ".join(sorted(set(known) ^ set(now)))
        raise ConfigError(
            f"{config.out}: leave_out: {config.leave_out!r} was {len(known)} patients when the run began and is "
            f"{len(now)} now ({changed}), because people were joined in {config.store} since: the run may have seen "
            "them. Train into another `out`."
        )
    return config.model_copy(update={"left_out_patients": now})


def patients(config: TrainConfig) -> tuple[str, ...]:
    """Return the patients who are left out, in alphabetical order; errors as `with_left_out`."""
    members, out = people(config)
    if members.keys() == out:
        raise ConfigError(
            describe(
                file=config.store,
                field="leave_out",
                found=f"{config.leave_out!r}, which is everybody",
                expected="somebody to train on",
                action="Name one of several datasets, or a person.",
            )
        )
    return tuple(sorted(patient for group in out for patient in members[group]))


def people(config: TrainConfig) -> tuple[dict[str, set[str]], frozenset[str]]:
    """Return the people of the run's version, each with their patients, without quarantine; and who is left out.

    Raises
    ------
    ConfigError
        No dataset and no person of that name, or it is in quarantine.
    """
    from biomech_xr.store import read_version
    from biomech_xr.store.persons import load_table
    from biomech_xr.window.persons import leave_out
    from biomech_xr.window.split import members_of

    version = read_version(config.store, config.chain, config.version)
    written, table = members_of([version.catalogue().labels]), load_table(config.store)
    members = table.members(written)
    try:
        out = leave_out(f"only:{config.leave_out}", written, table) or frozenset()
    except SplitError as error:
        raise _unknown(config, version.datasets, members, table) from error
    return {group: own for group, own in members.items() if group not in table.quarantine}, out


def _unknown(
    config: TrainConfig, known: Sequence[str], members: Mapping[str, Collection[str]], table: PersonTable
) -> ConfigError:
    """Return the error for a name that stands for nobody."""
    name = config.leave_out or ""
    names = sorted({*members, *(one for group in members.values() for one in group)} - table.quarantine)
    if name in table.quarantine or any(name in members[group] for group in table.quarantine & members.keys()):
        found = f"{name!r}, who is in quarantine"
    else:
        found = f"{name!r}, who is not here"
    near = difflib.get_close_matches(name, [*known, *names], n=1)
    own = [one for one in names if one.startswith(f"{name.partition('-')[0]}-")] or names
    more = f" and {len(own) - _SHOWN} more" if len(own) > _SHOWN else ""
    return ConfigError(
        describe(
            file=config.store,
            field="leave_out",
            found=found,
            expected=f"a dataset ({', '.join(known)}) or a person ({', '.join(own[:_SHOWN])}{more})",
            action=f"Did you mean {near[0]!r}?" if near else "All people: biomech-xr people STORE.",
        )
    )
