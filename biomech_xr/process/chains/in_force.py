"""What of a chain reaches the EMG of given people: settings without effect there are taken out of it.

A part of a store is made of, and named after, the chain in force for its people. So it stays when a setting changes
that never reached its data, and is made anew when one does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.errors import ProcessingError
from biomech_xr.process.chains.building import Fits, band_limit, only_interpolated, stages_of, steps_for, upper_edge
from biomech_xr.process.chains.chain import Chain
from biomech_xr.process.chains.steps_config import Bandpass, Bridge, Normalize, Rectify, Step


class Form(NamedTuple):
    """EMG as a chain gets it; rates in Hz, `band_rate` where the signal was brought to `rate` from a lower one."""

    state: words.EmgState
    kind: words.SignalKind
    contiguity: words.Contiguity
    rate: float
    band_rate: float | None = None

    def refusal(self, chain: Chain) -> str:
        """Return why a chain cannot serve this form, or an empty text, see `Chain.refusal`."""
        rate = np.nan if self.kind == "segmented" else self.rate
        return chain.refusal(state=self.state, kind=self.kind, contiguity=self.contiguity, rate=rate)

    @property
    def limit(self) -> float:
        """Highest upper edge (Hz) of a band."""
        return band_limit(self.rate, self.band_rate)


def in_force(chain: Chain, forms: Collection[Form], *, line_frequency: float, people: Collection[str]) -> Chain:
    """Return a chain that does the same to these people as the one given, without what has no effect on them.

    Left out are: steps that no EMG of theirs goes through (of a published envelope all but its low-passes); the upper
    edge of a band beyond what their rates allow; notches above the band; of the amplitude reference what its kind does
    not use, the contractions of others, and all of it where no EMG is served. The result need not make a product by
    itself: see `Chain.held`. Product, causality and grid always stay: they shape every part.

    Parameters
    ----------
    forms
        All in which they have EMG, those that the chain refuses too.
    line_frequency
        Mains frequency in Hz.
    people
        Platform-wide names.
    """
    served = [form for form in forms if not form.refusal(chain)]
    reached = [
        [form for form in served if _acts(chain, place, form, line_frequency)] for place in range(len(chain.emg))
    ]
    steps = tuple(_limited(step, some) for step, some in zip(chain.emg, reached, strict=True) if some)
    method = _normalize(chain.normalize, people) if served else Normalize(kind="none")
    found = chain.model_copy(update={"emg": steps, "normalize": method})
    if any(form.refusal(found) != form.refusal(chain) for form in forms):
        return chain.model_copy(update={"normalize": method})
    return found


def in_force_of(chain: Chain, attrs: Mapping[str, Any]) -> Chain | None:
    """Return what of a chain is in force for the people of a part, by its attributes; None where they do not say."""
    forms = forms_of(attrs)
    if forms is None:
        return None
    return in_force(chain, forms, line_frequency=float(attrs["spec"]["line_frequency"]), people=attrs["recordings"])


def forms_as_facts(forms: Iterable[Form]) -> list[list[Any]]:
    """Return forms as a part holds them under ``emg_forms``."""
    return [list(form) for form in forms]


def forms_of(attrs: Mapping[str, Any]) -> list[Form] | None:
    """Return the forms that a part holds; None of a part that was written before parts held them."""
    known: Sequence[Sequence[Any]] | None = attrs.get("emg_forms")
    return None if known is None else [Form(*values) for values in known]


def held_chain(values: Mapping[str, Any]) -> Chain:
    """Return the chain that a part of a store holds: what `in_force` left of it."""
    return Chain.model_validate(values, context="held")


def _acts(chain: Chain, place: int, form: Form, line_frequency: float) -> bool:
    """Return whether a step does something to EMG of a form; the first rectification says where envelopes begin."""
    step = chain.emg[place]
    if only_interpolated(form.state, form.kind):
        return False
    if isinstance(step, Bridge):
        return True
    if form.state == "envelope":
        after = steps_for(chain.emg[: place + 1], form.state)
        return isinstance(step, Rectify) or (bool(after) and after[-1] is step)
    upper = upper_edge(chain.emg, form.rate, form.band_rate)
    rate, limit, causal = form.rate, form.limit, chain.causal
    fits = Fits(rate=rate, limit=limit, upper=upper, line_frequency=line_frequency, lines=None, causal=causal)
    try:
        return bool(stages_of((step,), fits))
    except ProcessingError:
        return True  # said where the step is to be applied


def _limited(step: Step, forms: Collection[Form]) -> Step:
    """Return a step without the part of a band that no form has."""
    limit = max(form.limit for form in forms)
    return step.model_copy(update={"high": limit}) if isinstance(step, Bandpass) and step.high > limit else step


def _normalize(method: Normalize, people: Collection[str]) -> Normalize:
    """Return an amplitude reference without what is not used for these people."""
    own = tuple(one for one in method.contractions if one.patient in people)
    strides = method.strides if method.kind == "first_strides" else Normalize().strides
    return method.model_copy(update={"strides": strides, "contractions": own or method.contractions})
