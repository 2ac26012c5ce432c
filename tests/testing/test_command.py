"""The command: it says how to reach it, keeps what it was given, and ends cleanly."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from biomech_xr.testing.gcs.__main__ import main

from .conftest import Raw


def _serve(*options: str) -> tuple[subprocess.Popen[str], str, dict[str, str]]:
    """Start the command and return it with its address and the environment that it prints."""
    command = [sys.executable, "-m", "biomech_xr.testing.gcs", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(7)]
    variables = dict(line.removeprefix("export ").rstrip("\n").split("=", 1) for line in lines[1:])
    return process, variables["STORAGE_EMULATOR_HOST"], variables


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    options = ("--root", str(tmp_path), "--bucket", "one", "--bucket", "two")
    process, url, variables = _serve(*options)
    with Raw(url) as raw:
        assert raw("PUT", "/one/a", body=b"kept").status == 200
    process.send_signal(signal.SIGKILL)
    process.communicate()
    process, url, variables = _serve(*options, "--seed", "1", "--faults", "http_503=1")
    with Raw(url) as raw:
        assert raw("GET", "/one/a").status == 503
        assert raw("PUT", "/_emulator", body=b"{}").status == 200
        assert (raw("GET", "/one/a").body, raw("GET", "/two").status) == (b"kept", 200)
    process.terminate()
    assert (process.wait(timeout=15), process.communicate()[1]) == (0, "")
    assert variables["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] == "false"
    assert url in variables["GOOGLE_SERVICE_ACCOUNT_KEY"]


def test_a_wrong_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert main(["--port", "0", "--faults", "explode=1"]) == 2
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert capsys.readouterr().err.startswith("faults: found 'explode'; expected one of corrupt")
