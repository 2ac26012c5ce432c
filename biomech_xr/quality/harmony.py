"""Whether sources fit together: the same activity of all sources overlaid, and what does not fit the pool, flagged.

The curves of a source are means over the strides of each person, then over people, one for each leg and component. Each
is compared with the pool of the other sources, so that no curve is compared with itself. How the thresholds were set
stands in `docs/explanation/harmony.md`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np

from biomech_xr.quality.harmony_causes import explain
from biomech_xr.quality.harmony_compare import Fit, Reference, is_flat, judge, same_sign, unit
from biomech_xr.quality.harmony_curves import COMPONENTS, Curve, FloatArray, gather

__all__ = ["LEAST_SOURCES", "Curve", "Harmony", "Verdict", "gather", "harmonize"]

Status = Literal["compared", "flat", "too_few_sources", "others_disagree"]

LEAST_SOURCES: Final = 3
"""Other sources that a pool needs: of three, two outvote one that is wrong; of two, neither outvotes the other."""

_AGREE: Final = 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One curve against the pool of the other sources, or (`against` a leg) against the other leg of its source.

    `fit` is None where no comparison was possible; `pool` counts the other sources that have the component; `cause`
    says in words what the flags most likely come from.
    """

    curve: Curve
    against: str
    status: Status
    pool: int
    fit: Fit | None = None
    cause: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """Kinds of misfit: inverted, shifted, unlike, scaled, offset."""
        return self.fit.flags if self.fit else ()

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain values; figures are None where there was no comparison."""
        curve = self.curve
        names = ("r", "ratio", "lag", "r_at_lag", "offset")
        figures = {name: None if self.fit is None else round(float(getattr(self.fit, name)), 4) for name in names}
        return {
            **{name: getattr(curve, name) for name in ("dataset", "side", "quantity", "component")},
            "against": self.against,
            "status": self.status,
            **figures,
            "flags": list(self.flags),
            "looks_like": self.fit.looks_like if self.fit else "",
            "wide_limits": self.fit is not None and self.fit.wide,
            "cause": self.cause,
            "n_people": curve.people,
            "n_strides": curve.strides,
            "n_pool": self.pool,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Harmony:
    """All verdicts on one activity: `curves` against the pools, `legs` left against right within each source."""

    activity: str
    curves: tuple[Verdict, ...]
    legs: tuple[Verdict, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def sources(self) -> list[str]:
        """Sources that have a curve."""
        return sorted({verdict.curve.dataset for verdict in self.curves})

    @property
    def flagged(self) -> list[Verdict]:
        """All verdicts with a flag, those against the pool first."""
        return [verdict for verdict in (*self.curves, *self.legs) if verdict.flags]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "activity": self.activity,
            "sources": self.sources,
            "left_out": dict(self.left_out),
            "least_sources": LEAST_SOURCES,
            "flagged": len(self.flagged),
            "judged": sum(verdict.status == "compared" for verdict in self.curves),
            "not_judged": sum(verdict.status != "compared" for verdict in self.curves),
            "curves": [verdict.as_json() for verdict in self.curves],
            "legs": [verdict.as_json() for verdict in self.legs],
        }


def harmonize(curves: Iterable[Curve], *, activity: str = "walk", left_out: Mapping[str, int] | None = None) -> Harmony:
    """Compare the curves of every source with those of the others, and the legs of a source with one another.

    Parameters
    ----------
    curves
        One for each source, leg and component; all with the same number of points. `gather` makes them of a store.
    activity, left_out
        What they are of and how many strides were left out, for the record.

    Returns
    -------
    Harmony
        A verdict for every curve. Where fewer than `LEAST_SOURCES` other sources have the component, or most of these
        do not agree with one another, the verdict says so and there is no flag.
    """
    every = sorted(curves, key=_order)
    verdicts: list[Verdict] = []
    legs: list[Verdict] = []
    for quantity in COMPONENTS:
        pool = _Pool([curve for curve in every if curve.quantity == quantity])
        for dataset in sorted({curve.dataset for curve in pool.curves}):
            references, states = pool.without(dataset)
            by_leg = {
                side: [curve for curve in pool.curves if (curve.dataset, curve.side) == (dataset, side)]
                for side in ("left", "right")
            }
            flat = {name for name, one in references.items() if is_flat(one, quantity)}
            for own in by_leg.values():
                fits = judge(own, references)
                for curve in own:
                    status, number = states[curve.component]
                    fit = fits.get(curve.component)
                    status = "flat" if fit and fit.flat and not fit.flags else status
                    verdicts.append(Verdict(curve=curve, against="pool", status=status, pool=number, fit=fit))
            legs += _between_legs(by_leg["left"], by_leg["right"], flat)
    explained = explain([(v.curve, v.fit) for v in verdicts if v.fit])
    causes = {_key(curve): cause for curve, cause in explained}
    final = [replace(v, cause=causes.get(_key(v.curve), "")) for v in verdicts]
    return Harmony(
        activity=activity,
        curves=tuple(final),
        legs=tuple(_with_leg(verdict, final) for verdict in legs),
        left_out=left_out or {},
    )


def _key(curve: Curve) -> tuple[str, str, str, str]:
    return curve.dataset, curve.side, curve.quantity, curve.component


def _order(curve: Curve) -> tuple[int, str, str, int]:
    quantities = list(COMPONENTS)
    place = COMPONENTS[curve.quantity].index(curve.component)
    return quantities.index(curve.quantity), curve.dataset, curve.side, place


class _Pool:
    """All curves of one quantity, and what those of the other sources have in common."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.curves = list(curves)
        self._by_component: dict[str, list[Curve]] = defaultdict(list)
        for curve in curves:
            self._by_component[curve.component].append(curve)
        self._alike = {
            component: (rows := np.array([unit(curve.values) for curve in members])) @ rows.T >= _AGREE
            for component, members in self._by_component.items()
        }

    def without(self, dataset: str) -> tuple[dict[str, Reference], dict[str, tuple[Status, int]]]:
        """Return the references made of all other sources, and for each component its status and their number."""
        references: dict[str, Reference] = {}
        states: dict[str, tuple[Status, int]] = {}
        for component, members in self._by_component.items():
            index = np.array([place for place, curve in enumerate(members) if curve.dataset != dataset], dtype=int)
            others = [members[place] for place in index]
            number = len({curve.dataset for curve in others})
            if number < LEAST_SOURCES:
                states[component] = "too_few_sources", number
                continue
            reference = _consensus(others, self._alike[component][np.ix_(index, index)])
            states[component] = ("compared" if reference else "others_disagree"), number
            if reference:
                references[component] = reference
        return references, states


def _consensus(curves: Sequence[Curve], alike: np.ndarray[Any, np.dtype[np.bool_]]) -> Reference | None:
    """Return the median of the curves that agree with half of the other sources, or None without a majority.

    Sources weigh the same, with one leg or two.
    """
    sources = np.array([curve.dataset for curve in curves])
    weight = 1 / (sources[:, None] == sources).sum(axis=1)
    other = weight * (sources[:, None] != sources)
    agreeing = (other * alike).sum(axis=1) >= 0.5 * other.sum(axis=1) - 1e-9
    if weight[agreeing].sum() <= 0.5 * weight.sum() + 1e-9:
        return None
    rows = np.array([curve.values for curve in curves])[agreeing]
    weight = weight[agreeing]
    means = rows.mean(axis=1)
    return Reference(
        shape=_median(rows - means[:, None], weight),
        amplitude=float(_median(rows.std(axis=1)[:, None], weight)[0]),
        mean=float(_median(means[:, None], weight)[0]),
        sources=len(set(sources[agreeing])),
        people=sum(
            max(curve.people for curve, fits in zip(curves, agreeing, strict=True) if fits and curve.dataset == name)
            for name in set(sources[agreeing])
        ),
    )


def _median(rows: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted median over the first axis; between two values where the weights balance."""
    order = np.argsort(rows, axis=0)
    ordered = np.take_along_axis(rows, order, axis=0)
    below = np.cumsum(weight[order], axis=0)
    half = weight.sum() / 2
    low = (below < half - 1e-9).sum(axis=0)
    high = (below <= half + 1e-9).sum(axis=0).clip(max=len(rows) - 1)
    column = np.arange(rows.shape[1])
    return np.asarray((ordered[low, column] + ordered[high, column]) / 2)


def _between_legs(left: Sequence[Curve], right: Sequence[Curve], flat: Collection[str]) -> list[Verdict]:
    """Return how the right leg lies to the left one; no other source is needed for this.

    Of small movements (`flat` in the pool, or by themselves) only the sign is compared.
    """
    references = {
        curve.component: Reference(
            shape=curve.values - curve.values.mean(),
            amplitude=float(curve.values.std()),
            mean=float(curve.values.mean()),
            sources=1,
            people=curve.people,
        )
        for curve in left
    }
    large = [curve for curve in right if curve.component not in flat]
    fits = judge(large, {name: reference for name, reference in references.items() if name not in flat})
    for curve in right:
        name = curve.component
        if name in references and (name not in fits or (fits[name].flat and not fits[name].flags)):
            fits[name] = same_sign(curve, references[name])
    return [
        Verdict(
            curve=curve,
            against="left",
            status="flat" if fits[curve.component].flat and not fits[curve.component].flags else "compared",
            pool=0,
            fit=fits[curve.component],
        )
        for curve in right
        if curve.component in fits
    ]


def _with_leg(verdict: Verdict, judged: Sequence[Verdict]) -> Verdict:
    """Say which leg the pool finds wrong, where the two differ."""
    if not verdict.flags:
        return verdict
    own = _key(verdict.curve)
    wrong = [
        other.curve.side
        for other in judged
        if (other.curve.dataset, other.curve.quantity, other.curve.component) == (own[0], own[2], own[3])
        and other.flags
    ]
    known = any(_key(other.curve) == own and other.fit and not other.fit.flat for other in judged)
    if verdict.fit and verdict.fit.flat and "inverted" in verdict.flags:
        cause = "the sign of one leg; which one is not known, the movement is too small to compare with other sources"
    elif len(wrong) == 1:
        cause = f"the {wrong[0]} leg is the one that does not fit the other sources"
    elif known:
        cause = (
            "the legs differ, but neither leg alone is out of line with the other sources"
            if not wrong
            else ("neither leg fits the other sources")
        )
    else:
        cause = f"one leg is wrong; which one takes {LEAST_SOURCES} other sources with this component"
    return replace(verdict, cause=cause)
