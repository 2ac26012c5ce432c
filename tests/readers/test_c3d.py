"""C3D files: content of real ones, conventions of frames and events, and what damaged ones may do."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.errors import DataFormatError, MissingDependencyError, MissingInputError
from biomech_xr.readers import c3d
from biomech_xr.readers.c3d import read_c3d
from tests.readers.c3d_files import write_c3d


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ramp = np.arange(150.0).reshape(50, 3)
    return write_c3d(
        tmp_path_factory.mktemp("c3d") / "small.c3d",
        points={"LHipAngles": ramp, "RHipAngles": -ramp},
        analogs={"EMG1": np.linspace(-1, 1, 500), "EMG2": np.zeros(500)},
        units=("V", "mV"),
        events=[("Foot Off", "Right", 60.9), ("Foot Strike", "Left", 60.5), ("Remark", "General", 60.7)],
        first_frame=6030,
    )


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "points", "frames", "point_rate", "analogs", "analog_rate", "events"),
    [
        ("Vicon_analysis.c3d", 89, 694, 120.0, 34, 1800.0, 17),
        ("PlugInC3D.c3d", 86, 281, 60.0, 36, 1200.0, 8),
        ("Gait_with_EMG.c3d", 24, 134, 60.0, 32, 1080.0, 0),
        ("Codamotion_gait_1997.c3d", 24, 512, 200.0, 16, 400.0, 0),
        ("BTS.c3d", 22, 675, 100.0, 44, 1000.0, 0),
        ("Vicon.c3d", 51, 580, 100.0, 38, 2000.0, 0),
        ("Optotrak.c3d", 54, 29, 30.0, 0, 0.0, 0),
    ],
)
def test_real_files_have_the_counts_and_rates_of_their_description(
    samples: Path,
    name: str,
    points: int,
    frames: int,
    point_rate: float,
    analogs: int,
    analog_rate: float,
    events: int,
) -> None:
    content = read_c3d(samples / "c3d" / name, dataset="test")
    assert (len(content.points), content.frames, content.point_rate) == (points, frames, point_rate)
    assert (len(content.analogs), content.analog_rate, len(content.events)) == (analogs, analog_rate, events)
    assert content.first_frame == 0
    if analogs:
        samples_read = {len(values) for values in content.analogs.values()}
        assert samples_read == {round(frames * analog_rate / point_rate)}


@pytest.mark.realdata
def test_labels_carry_their_descriptions_and_units(samples: Path) -> None:
    vicon = read_c3d(samples / "c3d" / "Vicon_analysis.c3d", dataset="test")
    assert (vicon.analog_descriptions["EMG3"], vicon.analog_units["EMG3"]) == ("Lateral Hamstrings", "V")
    assert vicon.parameters["EMG"]["SIDE"][18:20] == ["L", "R"]
    coda = read_c3d(samples / "c3d" / "Codamotion_gait_1997.c3d", dataset="test")
    assert coda.analog_units["L.Gastroc"] == "mV"
    unnamed = read_c3d(samples / "c3d" / "Gait_with_EMG.c3d", dataset="test")
    assert unnamed.analog_descriptions["RTIB"] == "Right Tibialis Anterior"
    assert "#21" in unnamed.analogs


@pytest.mark.realdata
def test_a_file_cut_between_frames_says_how_many_it_announced(samples: Path) -> None:
    content = read_c3d(samples / "c3d" / "Optotrak.c3d", dataset="test")
    assert (content.frames, content.announced_frames) == (29, 1149)


def test_values_frames_and_events_of_a_written_file(small: Path) -> None:
    content = read_c3d(small, dataset="test")
    np.testing.assert_allclose(content.points["LHipAngles"], np.arange(150.0).reshape(50, 3))
    np.testing.assert_allclose(content.analogs["EMG1"], np.linspace(-1, 1, 500), atol=1e-6)
    assert content.first_frame == 6030
    assert content.announced_frames == content.frames == 50
    assert [(label, side) for label, side, _ in content.events] == [
        ("foot strike", "left"),
        ("remark", ""),
        ("foot off", "right"),
    ]
    assert [time for _, _, time in content.events] == pytest.approx([60.5, 60.7, 60.9], abs=1e-5)


def test_a_repeated_label_is_kept_under_another_name() -> None:
    assert c3d._labels(["A", "", "A"], 4) == ["A", "#2", "A#3", "#4"]


def test_labels_go_on_in_numbered_parameters() -> None:
    group = {"POINT": {"LABELS": ["A "], "LABELS2": ["B"], "LABELS4": ["no"]}}
    assert c3d._gather(group, "POINT", "LABELS") == ["A", "B"]


def test_frame_numbers_beyond_sixteen_bits_come_from_the_trial_group() -> None:
    assert c3d._first_frame({"TRIAL": {"ACTUAL_START_FIELD": [-1, 1]}}, 7) == 65535 + 65536 - 1
    assert c3d._first_frame({}, 7) == 7


@pytest.mark.parametrize("size", [0, 2000])
def test_garbage_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "garbage.c3d"
    path.write_bytes(np.random.default_rng(size).bytes(size))
    with pytest.raises(DataFormatError, match=r"test: .*garbage\.c3d; found .*expected a complete C3D file"):
        read_c3d(path, dataset="test")


def test_garbage_behind_a_valid_signature_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "garbage.c3d"
    path.write_bytes(b"\x02\x50" + np.random.default_rng(0).bytes(50_000))
    with pytest.raises(DataFormatError):
        read_c3d(path, dataset="test")


def test_a_truncated_file_is_refused_not_read_as_a_short_one(small: Path, tmp_path: Path) -> None:
    whole = small.read_bytes()
    path = tmp_path / "cut.c3d"
    path.write_bytes(whole[: len(whole) * 3 // 4 + 1])
    with pytest.raises(DataFormatError, match=r"truncated: \d+ of the 50 frames"):
        read_c3d(path, dataset="test")


def test_a_parser_that_hangs_is_stopped(small: Path) -> None:
    with pytest.raises(DataFormatError, match=r"did not end within 0\.01 s"):
        read_c3d(small, dataset="test", timeout=0.01)


def test_a_parser_that_crashes_leaves_this_process_alive(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(c3d, "_WORKER", worker)
    with pytest.raises(DataFormatError, match=r"crashed \(signal 6\)"):
        read_c3d(small, dataset="test")


def test_memory_of_the_parser_is_bounded(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c3d, "MEMORY_LIMIT", 32 * 2**20)
    with pytest.raises(DataFormatError):
        read_c3d(small, dataset="test")


def test_pickled_objects_in_the_parsers_result_are_not_loaded(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, trace = tmp_path / "worker.py", tmp_path / "executed"
    worker.write_text(
        "import json, pathlib, sys\n"
        "import numpy as np\n"
        "class Evil:\n"
        "    def __reduce__(self):\n"
        f"        return (pathlib.Path.touch, (pathlib.Path({str(trace)!r}),))\n"
        "folder = pathlib.Path(sys.argv[2])\n"
        "np.savez(folder / 'arrays.npz', points=np.array([Evil()], dtype=object), analogs=np.zeros(1))\n"
        "(folder / 'header.json').write_text(json.dumps({}))\n"
    )
    monkeypatch.setattr(c3d, "_WORKER", worker)
    with pytest.raises(DataFormatError, match="no usable result"):
        read_c3d(small, dataset="test")
    assert not trace.exists()


def test_what_is_missing_is_named(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_c3d(tmp_path / "none.c3d", dataset="test")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match="ezc3d"):
        read_c3d(small, dataset="test")
