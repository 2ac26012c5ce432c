"""Write the part `events` of a drafted mapping: from where contacts may come, and what the data say of each way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biomech_xr.datasets.lab.draft import evidence
from biomech_xr.datasets.lab.draft.joints import foot_markers, pelvis_markers
from biomech_xr.datasets.lab.draft.signals import write_csv
from biomech_xr.datasets.lab.draft.trials import DraftTrial, force_columns
from biomech_xr.datasets.lab.draft.yaml import ASK, QUESTION, Page, flow, inline


def write_events(page: Page, trials: Sequence[DraftTrial]) -> None:
    """Write the question for the source of events and describe every way that the files offer."""
    ways = _ways(trials)
    page.gap()
    page.put("events:")
    page.say("What tells when a foot comes down? The other ways described here are compared with it.", 2)
    for name, text in ways.items():
        page.say(f"{name}: {text}.", 2)
    if not ways:
        page.say(
            "Your files offer none: label events in the C3D files, or add markers, gyroscopes or a table of events.", 2
        )
    page.put(f"from: {ASK}", " or ".join(ways) or "labels, plates, markers, foot, forces, gyroscopes or table", 2)
    markers = _markers(trials)
    if markers:
        page.put("markers:", indent=2)
        for key, value in markers.items():
            page.put(f"{key}: {inline(value)}", indent=4)
    _write_forces(page, trials)
    _write_table(page, trials)


def _ways(trials: Sequence[DraftTrial]) -> dict[str, str]:
    """Return what the files offer of each way, in words."""
    described = _markers(trials)
    markers = bool(described)
    rolling = markers and all("toe" in described[side] for side in evidence.SIDES)
    labeled = [sum(times.size for times in evidence.label_contacts(trial).values()) for trial in trials]
    plated = [trial.files["c3d"].plates if "c3d" in trial.files else 0 for trial in trials]
    seen = [evidence.marker_contacts(trial) if markers else {} for trial in trials]
    left, right = (sum(contacts[side].size for contacts in seen if contacts) for side in evidence.SIDES)
    sides = "" if markers else "; without heel markers say whose each is, plates: [{number: 1, side: left}]"
    ways: dict[str, tuple[Sequence[int], str]] = {
        "labels": (labeled, f"the files name {sum(labeled)} foot strikes"),
        "plates": (plated, f"{max(plated)} force plates; a stride needs two contacts of one foot on them{sides}"),
        "markers": (
            [sum(times.size for times in contacts.values()) for contacts in seen],
            f"heel against pelvis shows {left} left and {right} right contacts (straight walks only)",
        ),
        "foot": (
            [rolling and bool(contacts) for contacts in seen],
            "how fast heel and toe sink and rise; turns and stairs too",
        ),
        "forces": (["forces" in trial.files for trial in trials], "the vertical forces of the columns below"),
        "table": (["events" in trial.files for trial in trials], "the table of events"),
    }
    return {
        name: text if all(has) else f"{text}; in {sum(map(bool, has))} of {len(trials)} trials"
        for name, (has, text) in ways.items()
        if any(has)
    }


def _markers(trials: Sequence[DraftTrial]) -> dict[str, Any]:
    """Return the entry `markers` from the first trial that has heels and a pelvis; empty for none."""
    for trial in trials:
        seen = evidence.marker_source(trial)
        if seen is None:
            continue
        feet, pelvis = foot_markers(seen.points), pelvis_markers(seen.points)
        if pelvis and all(("heel", side) in feet for side in evidence.SIDES):
            sides: dict[str, Any] = {
                side: {role: feet[role, side] for role in ("heel", "toe") if (role, side) in feet}
                for side in evidence.SIDES
            }
            return {**sides, "pelvis": pelvis}
    return {}


def _write_forces(page: Page, trials: Sequence[DraftTrial]) -> None:
    trial = next((trial for trial in trials if "forces" in trial.files), None)
    if trial is None:
        return
    seen = trial.files["forces"]
    page.put("forces:", indent=2)
    write_csv(page, seen, 4)
    page.put("columns:", "the vertical force, N, and the foot under which it acts", 4)
    contacts = evidence.best_contacts(trial)
    for label in force_columns(seen):
        side = evidence.loaded_side(seen.columns[label], seen, contacts)
        guess = f"guess: {side}, loading begins when its heel comes down" if side else "left or right?"
        page.put(f"- {flow(label=label, side=QUESTION)}", guess, 6)


def _write_table(page: Page, trials: Sequence[DraftTrial]) -> None:
    seen = next((trial.files["events"] for trial in trials if "events" in trial.files), None)
    if seen is None:
        return
    page.put("table:", indent=2)
    page.say(f"Columns with words: {', '.join(seen.texts)}. Your own words: words: {{L: left, HS: contact}}.", 4)
    side = next((name for name in seen.texts if name.lower() in ("side", "leg", "foot", "context")), QUESTION)
    rest = [name for name in seen.texts if name != side]
    kind = rest[0] if len(rest) == 1 and side is not QUESTION else QUESTION
    page.put(f"side: {inline(side)}", "the column that tells left and right", 4)
    page.put(f"kind: {inline(kind)}", "the column that tells contact and foot off", 4)
    write_csv(page, seen, 4)
