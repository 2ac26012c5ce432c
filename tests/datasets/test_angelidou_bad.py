"""Surface-stiffness walks: bad files and fields are one clear error each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.datasets import angelidou
from biomech_xr.errors import BiomechXRError, DataFormatError, MissingInputError
from biomech_xr.parse import read_patient
from biomech_xr.synthetic.matfile import cell, save_struct
from tests.datasets.angelidou_files import Content, made, read


@pytest.fixture
def content() -> Content:
    return made()


def _set(*keys: str, value: Any) -> Any:
    def edit(content: Content) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return edit


def _rename(*keys: str, to: str) -> Any:
    def edit(content: Content) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[to] = content.pop(keys[-1])

    return edit


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (_rename("fast", "soft", "EMG", to="emg"), r"ABCDE\.fast\.soft.*'EMG'"),
        (_rename("fast", "soft", "EMG", "RTA", to="RTa"), r"ABCDE\.fast\.soft\.EMG.*RTA.*nearest is 'RTa'"),
        (_rename("S_0x8", "rigid", "jointAngles", "LKnee", to="LKne"), r"jointAngles.*LKnee.*nearest is 'LKne'"),
        (_set("S_0x8", "rigid", "jointMoments", "RHip", value=np.zeros((5, 3))), r"jointMoments\.RHip.*cell"),
        (_set("S_0x8", "rigid", "jointAngles", "RHip", value=cell([[np.zeros((90, 2))]])), r"RHip.*90 x 2.*x 3"),
        (_set("speedy", value=3.0), r"ABCDE\.speedy.*struct of a speed"),
        (_set("participantInfo", "Height", value=1.7), r"Height.*1\.7.*1200 to 2300 mm"),
        (_set("participantInfo", "Bodymass", value=700.0), r"Bodymass.*700.*30 to 200 kg"),
    ],
)
def test_bad_content_is_one_clear_error(content: Content, tmp_path: Path, edit: Any, match: str) -> None:
    edit(content)
    with pytest.raises(DataFormatError, match=rf"angelidou: .*ABCDE\.mat: .*{match}"):
        read(tmp_path, content)


def test_bad_files_and_folders_are_one_clear_error(content: Content, tmp_path: Path) -> None:
    with pytest.raises(BiomechXRError, match=r"angelidou: .*found nothing.*\.mat file a person"):
        angelidou.patients(tmp_path)
    with pytest.raises(MissingInputError, match=r"angelidou: .*no such folder"):
        angelidou.patients(tmp_path / "nowhere")
    read(tmp_path, content)
    with pytest.raises(MissingInputError, match=r"angelidou: .*no file of VWXYZ. Known: ABCDE"):
        list(read_patient("angelidou", tmp_path, "VWXYZ"))
    path = tmp_path / "ABCDE.mat"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataFormatError, match=r"angelidou: .*ABCDE\.mat"):
        list(read_patient("angelidou", tmp_path, "ABCDE"))
    save_struct(path, {"OTHER": {"a": 1.0}})
    with pytest.raises(DataFormatError, match=r"angelidou: .*ABCDE\.mat.*'ABCDE'"):
        list(read_patient("angelidou", tmp_path, "ABCDE"))
