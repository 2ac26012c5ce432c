"""Command on processing chains: their steps, how far they look ahead, how much they lag, which sources they serve."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from biomech_xr.cli._app import AsJson, app, console

if TYPE_CHECKING:
    from biomech_xr.process import Chain

_LINE = 50.0
_JOINTS = 100.0


@app.command()
def chains(
    name: Annotated[str | None, typer.Argument(help="A preset or a YAML file, to see all of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the processing chains, or one in full: steps, lookahead and delay by rate, and the sources it serves."""
    from biomech_xr.process.chains.chain import PRESETS, load_chain

    listed = [_facts(load_chain(one)) for one in (PRESETS if name is None else [name])]
    if as_json:
        print(json.dumps(listed if name is None else listed[0], indent=2))
    elif name is None:
        _list(listed)
    else:
        _show(listed[0])


def _facts(chain: Chain) -> dict[str, Any]:
    """Return what there is to know of a chain; times in s, rates in Hz."""
    from biomech_xr.datasets import get_dataset, names
    from biomech_xr.process.serving import serves

    specs = [get_dataset(one).spec for one in names()]
    rates = sorted({rate for spec in specs for rate in _rates(spec) if not _impossible(chain, rate)})
    return {
        "name": chain.name,
        "hash": chain.hash(),
        "product": chain.product,
        "causal": chain.causal,
        "grid": chain.grid.model_dump(exclude_none=True),
        "steps": [step.model_dump(mode="json") for step in chain.emg],
        "normalize": chain.normalize.model_dump(mode="json"),
        "calibration": chain.calibration,
        "rates": [
            {
                "rate": rate,
                "lookahead": round(chain.lookahead(rate, line_frequency=_LINE), 4),
                "delay": round(chain.delay(rate, line_frequency=_LINE), 4),
                "settling": round(chain.settling(rate, line_frequency=_LINE), 4),
            }
            for rate in rates
        ],
        "kinematics_lookahead": round(chain.kinematics_lookahead(_JOINTS), 4),
        "kinematics_delay": round(chain.kinematics_delay(_JOINTS), 4),
        "sources": serves(chain).to_dict(orient="records"),
    }


def _rates(spec: Any) -> tuple[float, ...]:
    """Return the rates (Hz) at which a source's files hold EMG that is no envelope yet."""
    known = spec.rates.get("emg")
    if known is None or spec.emg_state == "envelope":
        return ()
    return known.hz or (spec.emg_rate,)


def _impossible(chain: Chain, rate: float) -> bool:
    from biomech_xr.errors import ProcessingError

    try:
        chain.stages(rate)
    except ProcessingError:
        return True
    return False


def _span(facts: dict[str, Any], key: str) -> str:
    """Return the least and greatest of a time over the rates."""
    found = sorted({f"{one[key]:.2f}" for one in facts["rates"]}, key=float)
    return "-" if not found else " to ".join(dict.fromkeys((found[0], found[-1])))


def _step(step: dict[str, Any]) -> str:
    settings = [f"{name} {value}" for name, value in step.items() if name != "step" and value is not False]
    return " ".join([step["step"], *(f"({', '.join(settings)})" for _ in settings[:1])])


def _list(listed: list[dict[str, Any]]) -> None:
    title = "Chains (one in full: biomech-xr chains NAME)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("name", "product", "steps", "lookahead s", "delay s", "grid", "sources"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("name", "product"))
    for facts in listed:
        served = sum(one["served"] for one in facts["sources"])
        steps = ", ".join(step["step"] for step in facts["steps"])
        grid = " ".join(f"{key} {value:g}" for key, value in facts["grid"].items())
        times = [_span(facts, key) for key in ("lookahead", "delay")]
        table.add_row(facts["name"], facts["product"], steps, *times, grid, f"{served} of {len(facts['sources'])}")
    console().print(table)
    console().print(
        "Lookahead and delay are those of the chain's own filters. What a source was filtered with before it was "
        "published comes on top: process prints the sum, and strides have it as attribute `lookahead`."
    )


def _show(facts: dict[str, Any]) -> None:
    screen = console()
    screen.print(Text(f"{facts['name']}: {facts['product']}, {'causal' if facts['causal'] else 'zero-phase'}", "bold"))
    plain = {"hash": facts["hash"], "calibration": facts["calibration"]}
    plain["kinematics"] = (
        f"lookahead {facts['kinematics_lookahead']:g} s, delay {facts['kinematics_delay']:g} s at {_JOINTS:g} Hz"
    )
    head = Table(box=None, show_header=False, pad_edge=False)
    head.add_column(style="cyan", no_wrap=True)
    head.add_column(overflow="fold")
    for label, value in plain.items():
        head.add_row(label, Text(value))
    for number, step in enumerate(facts["steps"], start=1):
        head.add_row(f"step {number}", Text(_step(step)))
    screen.print(head)
    rates = Table(title="\nEMG by rate", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("Hz", "lookahead s", "delay s", "shortest piece s"):
        rates.add_column(heading, justify="right")
    for one in facts["rates"]:
        rates.add_row(f"{one['rate']:g}", *(f"{one[key]:.3f}" for key in ("lookahead", "delay", "settling")))
    screen.print(rates)
    sources = Table(title="Sources", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("name", "EMG", "served", "why not"):
        sources.add_column(heading, overflow="fold")
    for one in facts["sources"]:
        sources.add_row(one["dataset"], one["emg_state"], "yes" if one["served"] else "no", Text(one["reason"]))
    screen.print(sources)
    screen.print("Strides that a source cut by themselves are refused or flagged one by one; process says so first.")
