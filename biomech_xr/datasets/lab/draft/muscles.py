"""What a label of an EMG channel may mean: muscle and side, with the reason; a guess for a human to confirm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from biomech_xr.datasets.lab.mapping import KNOWN_MUSCLES

_SIDES: Final = {
    **dict.fromkeys(("l", "lt", "li", "left", "links", "gauche", "sinistra", "izquierda"), "left"),
    **dict.fromkeys(("r", "rt", "re", "right", "rechts", "droit", "droite", "destra", "derecha"), "right"),
}
_NOISE: Final = frozenset(
    [
        "emg",
        "semg",
        "im",
        "sensor",
        "muscle",
        "musculus",
        "m",
        "ch",
        "chan",
        "channel",
        "analog",
        "raw",
        "signal",
        "voltage",
        "delsys",
        "trigno",
        "noraxon",
        "cometa",
        "mv",
        "uv",
        "v",
        "volt",
        "volts",
    ]
)

_FULL: Final = {
    **{muscle.replace("_", ""): muscle for muscle in KNOWN_MUSCLES},
    "lateralgastrocnemius": "gastrocnemius_lateralis",
    "medialgastrocnemius": "gastrocnemius_medialis",
    "gastrocnemiuslateral": "gastrocnemius_lateralis",
    "gastrocnemiusmedial": "gastrocnemius_medialis",
    "anteriortibialis": "tibialis_anterior",
    "fibularislongus": "peroneus_longus",
    "fibularisbrevis": "peroneus_brevis",
    "medialhamstrings": "hamstrings_medial",
    "medialhamstring": "hamstrings_medial",
}
"""Names written in full, without spaces and signs: they leave nothing to guess."""

_SHORT: Final = {
    "vastus_lateralis": "vl vla vlat vaslat vastlat vastuslat lateralvastus vastuslateral quadlat",
    "rectus_femoris": "rf rec rect rectus recfem rectfem recf rfem",
    "vastus_medialis": "vm vmo vme vmed vasmed vastmed vastusmed medialvastus vastusmedial quadmed",
    "tibialis_anterior": "ta tib tibi tibant tibialis tibialisant anttib tibialisa tant",
    "biceps_femoris": "bf bfl bfs bflh bfsh bicfem bifem bicepsfem bicf bicepsf",
    "semitendinosus": "st semit semiten semitend",
    "gastrocnemius_medialis": "mg gasmed gastmed gastrocmed gastm gasm gmg medgas medgast medgastroc gasmedial "
    "mgas mgast gastrocnemiusmed gmedialis",
    "gastrocnemius_lateralis": "lg gaslat gastlat gastroclat gastl gasl glg latgas latgast latgastroc gaslateral "
    "lgas lgast gastrocnemiuslat glateralis",
    "soleus": "so sol sole",
    "peroneus_longus": "pl perl perlong peron perlongus peroneusl fibl fiblong",
    "peroneus_brevis": "pb perb perbrev perbrevis peroneusb",
    "gluteus_medius": "gmed gme glmed glutmed gluteusmed gmedius medgluteus",
    "gluteus_maximus": "gmax gma glmax glutmax gluteusmax gmaximus maxgluteus",
    "adductor_longus": "al addl addlong addlongus",
    "adductor_magnus": "am addm addmag addmagnus",
    "erector_spinae": "es erspin erecspin erector",
    "external_oblique": "eo extobl",
    "gracilis": "gra grac",
    "hamstrings_medial": "mh mham mhams medham medhams hamsmed hammed",
    "iliopsoas": "il ili iliop psoas",
    "rectus_abdominis": "rectabd recabd rabd",
    "sartorius": "sar sart",
    "semimembranosus": "sm semim semimem semimemb",
    "tensor_fasciae_latae": "tfl tensor",
    "vastus_intermedius": "vi vint vasint vastint",
}
_SHORTENED: Final = {text: muscle for muscle, texts in _SHORT.items() for text in texts.split()}

_HEADS: Final = ("gastrocnemius_medialis", "gastrocnemius_lateralis")
_VASTI: Final = ("vastus_lateralis", "vastus_medialis", "vastus_intermedius")
_GLUTEI: Final = ("gluteus_maximus", "gluteus_medius")
_SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "ga gas gast gastr gastroc gastrocnemius gc gn calf": _HEADS,
    "vas vast vasti vastus vastii": _VASTI,
    "quad quads quadriceps qf quadricepsfemoris": ("rectus_femoris", *_VASTI),
    "ham hams hamstring hamstrings hs": ("biceps_femoris", "semitendinosus", "semimembranosus"),
    "lathams latham lateralhamstring lateralhamstrings hamslat lh lhams bic biceps": ("biceps_femoris",),
    "lateralquadriceps latquad latquads": ("vastus_lateralis",),
    "glut glute gluteus glu": _GLUTEI,
    "per peroneus peroneals fibularis": ("peroneus_longus", "peroneus_brevis"),
    "add adductor adductors": ("adductor_longus", "adductor_magnus"),
    "hipflexor hipflexors": ("iliopsoas", "rectus_femoris", "sartorius"),
    "gm": ("gastrocnemius_medialis", *_GLUTEI),
    "gl": ("gastrocnemius_lateralis", *_GLUTEI),
    "lat": ("biceps_femoris", "vastus_lateralis", "gastrocnemius_lateralis"),
    "med": ("semitendinosus", "vastus_medialis", "gastrocnemius_medialis"),
}
_OPEN: Final = {text: muscles for texts, muscles in _SHARED.items() for text in texts.split()}
"""Names that more than one muscle bears, or a part of one: the muscles, the likeliest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MuscleGuess:
    """What a label says of its channel: empty where nothing; `certain` when the muscle is written in full.

    `ambiguous` where the name is that of several muscles; `reason` says why this one is guessed.
    """

    muscle: str = ""
    side: str = ""
    certain: bool = False
    ambiguous: bool = False
    reason: str = ""


def guess_muscle(label: str, description: str = "") -> MuscleGuess:
    """Return what the label of a channel, or else its description, says of muscle and side.

    A name in full (``Right Gastrocnemius medialis``) is certain, a short one (``L_RF``, ``RVAS``) is a guess, and one
    that several muscles bear is marked ambiguous.
    """
    guesses = [_read(text) for text in (description, label) if text]
    sides = {guess.side for guess in guesses if guess.side}
    side = sides.pop() if len(sides) == 1 else ""
    named = [guess for guess in guesses if guess.muscle]
    best = min(named, key=lambda guess: (not guess.certain, guess.ambiguous), default=MuscleGuess())
    return replace(best, side=side)


def _read(text: str) -> MuscleGuess:
    """Return what one text says, taken as it stands and with a side at its start or end cut off."""
    spread = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", spread)]
    sides = {_SIDES[word] for word in words if word in _SIDES}
    core = [word for word in words if word not in _SIDES and word not in _NOISE]
    if len(sides) > 1 or not core:
        return MuscleGuess(side=sides.pop() if len(sides) == 1 else "")
    side = sides.pop() if sides else ""
    found = _muscle(core)
    if side or (found and found.certain):
        return _with(found, side)
    glued = _glued("".join(core))
    return glued if glued and not (found and len("".join(core)) < 3) else _with(found, "")


def _with(found: MuscleGuess | None, side: str) -> MuscleGuess:
    return MuscleGuess(side=side) if found is None else replace(found, side=side)


def _glued(text: str) -> MuscleGuess | None:
    """Return what ``rvas``, ``leftta`` or ``tar`` says: a muscle with a side before or behind it, without a space."""
    for word in sorted(_SIDES, key=len, reverse=True):
        for rest in (text.removeprefix(word), text.removesuffix(word)):
            found = _muscle([rest]) if rest != text else None
            if found is not None:
                return _with(found, _SIDES[word])
    return None


def _muscle(words: list[str]) -> MuscleGuess | None:
    """Return the muscle that words name in this or the reverse order; None for none."""
    for text in ("".join(words), "".join(reversed(words))):
        if text in _FULL:
            return MuscleGuess(muscle=_FULL[text], certain=True, reason="written in full")
        if text in _OPEN:
            muscle, *others = _OPEN[text]
            why = f"or {', '.join(others)}" if others else "most likely"
            return MuscleGuess(muscle=muscle, ambiguous=True, reason=why)
        if text in _SHORTENED:
            return MuscleGuess(muscle=_SHORTENED[text], reason="by the usual abbreviation")
    return None
