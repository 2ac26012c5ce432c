"""Write the parts `emg`, `angles`, `moments` and `powers` of a drafted mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from biomech_xr.datasets import plug_in_gait
from biomech_xr.datasets.lab.draft import evidence
from biomech_xr.datasets.lab.draft.files import Seen
from biomech_xr.datasets.lab.draft.joints import JointGuess
from biomech_xr.datasets.lab.draft.muscles import guess_muscle
from biomech_xr.datasets.lab.draft.trials import DraftTrial, emg_columns, joint_columns
from biomech_xr.datasets.lab.draft.yaml import ASK, QUESTION, Page, flow, inline, scalar

_VOLTS: Final = {"v": "V", "volt": "V", "volts": "V", "mv": "mV", "uv": "uV", "\u00b5v": "uV", "\u03bcv": "uV"}
_MOTIONS: Final = {
    ("ankle", "flexion"): "dorsiflexion",
    ("ankle", "adduction"): "inversion",
    ("ankle", "rotation"): "toe-in",
    ("hip", "rotation"): "internal rotation",
    ("knee", "rotation"): "internal rotation",
}
_HEADS: Final = {
    "angles": "sign: 1 where the direction named here is positive in your columns, -1 where its opposite is. "
    "unit: deg or rad.",
    "moments": "sign: 1 where positive is the internal moment (that of the muscles) towards the direction named here, "
    "-1 where it is the opposite; an external moment is the opposite of the internal one. "
    "unit: N m, N m/kg, N mm or N mm/kg.",
    "powers": "Only compared with moment x velocity, not stored; positive where the joint generates. unit: W or W/kg.",
}
_KINDS: Final = {"angles": "angle", "moments": "moment", "powers": "power"}


def write_emg(page: Page, trials: Sequence[DraftTrial]) -> None:
    """Write the EMG channels of all trials: certain muscles and sides filled in, the others asked for."""
    channels = _channels(trials)
    if not channels:
        return
    page.gap()
    page.put("emg:")
    page.say(
        "What was done to the EMG before it came into the files? raw: nothing but the amplifier's own filter; "
        f"bandpassed: filtered, still around zero; envelope: rectified and smoothed. From the data: "
        f"{evidence.emg_state_of(trials)}.",
        2,
    )
    page.put(f"state: {ASK}", "raw, bandpassed or envelope", 2)
    units = {_VOLTS.get(seen.column_units.get(label, "").lower(), "") for label, (seen, _) in channels.items()} - {""}
    if units:
        page.put(f"unit: {sorted(units)[0]}", "as the files state; a channel in another unit is converted", 2)
    else:
        page.put(f"unit: {ASK}", "V, mV or uV: the files do not state it", 2)
    page.say(
        "Only where state is bandpassed or envelope: take the first # of the next line away, and say how far (s) that "
        "filtering sees ahead, 0 for a filter that runs forward only.",
        2,
    )
    page.say(f"lookahead: {ASK}", 2)
    write_csv(page, next(seen for seen, _ in channels.values()), 2)
    page.say("Delete the line of a channel you do not want. Keep `ambiguous: true` where your answer is not sure.", 2)
    page.put("channels:", indent=2)
    for label, (seen, count) in channels.items():
        _write_channel(page, label, seen, "" if count == len(trials) else f"in {count} of {len(trials)} trials")


def _channels(trials: Sequence[DraftTrial]) -> dict[str, tuple[Seen, int]]:
    """Return label -> (first file with it, number of trials with it)."""
    found: dict[str, tuple[Seen, int]] = {}
    for trial in trials:
        seen = trial.files.get("emg") or trial.files.get("c3d")
        if seen is None:
            continue
        for label in emg_columns(seen):
            first, count = found.get(label, (seen, 0))
            found[label] = (first, count + 1)
    return found


def _write_channel(page: Page, label: str, seen: Seen, count: str) -> None:
    description = seen.descriptions.get(label, "")
    guess = guess_muscle(label, description)
    side = guess.side or seen.channel_sides.get(label, "")
    reasons = [f"described as {scalar(description)}"] if description else []
    if guess.muscle and not guess.certain:
        reasons.append(f"guess: {guess.muscle}, {guess.reason}")
    elif not guess.muscle:
        reasons.append("which muscle?")
    if not side:
        reasons.append("left or right?")
    elif not guess.side:
        reasons.append("side from EMG:SIDE")
    if count:
        reasons.append(count)
    values: dict[str, Any] = {
        "label": label,
        "muscle": guess.muscle if guess.certain else QUESTION,
        "side": side or QUESTION,
    }
    if guess.ambiguous:
        values["ambiguous"] = True
    page.put(f"- {flow(**values)}", "; ".join(reasons), 4)


def write_joints(page: Page, trials: Sequence[DraftTrial], role: str) -> None:
    """Write `angles`, `moments` or `powers`: by convention where the labels are Plug-in Gait's, else by column."""
    trial = next((trial for trial in trials if role in trial.files), None)
    if trial is None:
        if role != "powers":
            _write_convention(page, trials, role)
        return
    seen = trial.files[role]
    columns = {label: guess for label, guess in joint_columns(seen).items() if guess.kind == _KINDS[role]}
    page.gap()
    page.put(f"{role}:")
    page.say(_HEADS[role], 2)
    write_csv(page, seen, 2)
    page.put("channels:", indent=2)
    pairs: dict[tuple[str, str], dict[str, JointGuess]] = {}
    for label, guess in columns.items():
        pairs.setdefault((guess.joint, guess.motion), {})[label] = guess
    for (joint, motion), pair in pairs.items():
        if role != "powers":
            _explain(page, role, joint, motion, pair, trial)
        for label, guess in pair.items():
            page.put(f"- {flow(**_component(role, label, guess, seen))}", _missing(guess), 4)


def _write_convention(page: Page, trials: Sequence[DraftTrial], role: str) -> None:
    output: plug_in_gait.Output = "Angles" if role == "angles" else "Moment"
    files = [trial.files["c3d"] for trial in trials if "c3d" in trial.files]
    found = [(seen, *plug_in_gait.find(seen.points, output)) for seen in files]
    labels = next((labels for _, labels, _ in found if labels), None)
    if labels is None:
        return
    page.gap()
    first = next(iter(labels.values()))
    page.say(f"{len(labels)} labels of Plug-in Gait, such as {scalar(first)}: its signs and units are known.")
    several = next((seen for seen, _, problems in found if problems), None)
    values: dict[str, Any] = {"convention": "plug_in_gait"}
    if several is not None:
        values |= _sets(page, several, output)
    page.put(f"{role}: {flow(**values)}")


def _sets(page: Page, seen: Seen, output: str) -> dict[str, Any]:
    """Name the several sets of labels that a file holds; return what chooses among them, as questions."""
    pattern = re.compile(rf"(?:([^:]*):)?[LR](?:Hip|Knee|Ankle){output}(_.*)?")
    pairs = sorted({(match[1] or "", match[2] or "") for label in seen.points if (match := pattern.fullmatch(label))})
    values: dict[str, Any] = {}
    for part, what in enumerate(("prefix", "suffix")):
        found = sorted({pair[part] for pair in pairs})
        if len(found) > 1:
            page.say(f"Several sets of them; {what}: {', '.join(map(inline, found))}.")
            values[what] = QUESTION
    return values


def _component(role: str, label: str, guess: JointGuess, seen: Seen) -> dict[str, Any]:
    values: dict[str, Any] = {"label": label, "joint": guess.joint, "side": guess.side or QUESTION}
    if role == "powers":
        return {**values, "unit": guess.unit or QUESTION}
    return {**values, "motion": guess.motion or QUESTION, "unit": _unit(role, guess, seen), "sign": QUESTION}


def _unit(role: str, guess: JointGuess, seen: Seen) -> Any:
    """Return the unit as the label or the header states it, else a question."""
    if role == "angles":
        if seen.in_degrees is not None:
            return "deg" if seen.in_degrees else "rad"
        return {"degree": "deg", "radian": "rad"}.get(guess.unit, QUESTION)
    return guess.unit if guess.unit.startswith("N") else QUESTION


def _missing(guess: JointGuess) -> str:
    missing = [
        "left or right?" if not guess.side else "",
        "flexion, adduction or rotation?" if not guess.motion and guess.kind != "power" else "",
        "W or W/kg?" if guess.kind == "power" and not guess.unit else "",
    ]
    return " ".join(part for part in missing if part)


def _explain(page: Page, role: str, joint: str, motion: str, pair: Mapping[str, JointGuess], trial: DraftTrial) -> None:
    """Name the direction that is asked for, and what the data say of its sign and unit."""
    named = _MOTIONS.get((joint, motion), motion or "flexion, adduction or rotation")
    facts = _facts(role, joint, pair, trial) if motion == "flexion" else "the data cannot tell; see your model"
    page.say(f"{joint.capitalize()} {named}: {facts}.", 4)


def _facts(role: str, joint: str, pair: Mapping[str, JointGuess], trial: DraftTrial) -> str:
    """Return what the data say of a joint's flexion: sign, and unit where it is not stated."""
    seen = trial.files[role]
    columns = {guess.side: seen.columns[label] for label, guess in pair.items() if guess.side}
    contacts = evidence.best_contacts(trial)
    if not columns or not seen.column_rate:
        return "the data cannot tell without sides and a clock"
    units = [_unit(role, guess, seen) for guess in pair.values()]
    if role == "angles":
        factor = 180 / np.pi if "rad" in units else 1.0
        degrees = {side: values * factor for side, values in columns.items()}
        return f"sign from the data: {evidence.angle_sign(joint, degrees, seen, contacts)}"
    text = f"sign from the data: {evidence.moment_sign_of(joint, columns, seen, contacts)}"
    if joint == "ankle" and QUESTION in units:
        text += f". Unit from the data: {evidence.moment_unit_of(columns, seen, contacts)}"
    return text


def write_csv(page: Page, seen: Seen, indent: int) -> None:
    """Write how a CSV file is written where that differs from what is taken without a word."""
    values = csv_facts(seen)
    if values:
        page.put(f"csv: {flow(**values)}", csv_comment(values), indent)


def csv_comment(values: Mapping[str, Any]) -> str:
    """Return what to say of the questions among the entries of `csv`."""
    if "rate" in values:
        return "no time column: rate in Hz, and the time of the first row on the trial's clock"
    if values.get("time_unit") is QUESTION:
        return "s or ms? Guess: ms, as the steps are too long for s; where neither fits, write the times in s"
    return ""


def csv_facts(seen: Seen) -> dict[str, Any]:
    """Return the entries of `csv` for a file: its time column, delimiter and decimal mark; empty for other formats."""
    if seen.format != "csv":
        return {}
    values: dict[str, Any] = {}
    if not seen.clock:
        values |= {"rate": QUESTION, "start": QUESTION}
    elif seen.clock != "time":
        values["time"] = seen.clock
    if seen.time_unit != "s":
        values["time_unit"] = seen.time_unit or QUESTION
    if seen.delimiter != ",":
        values["delimiter"] = seen.delimiter
    if seen.decimal != ".":
        values["decimal"] = seen.decimal
    return values
