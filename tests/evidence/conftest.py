"""Prints what the detectors' tests counted, after the last test."""

from __future__ import annotations

import pytest

from tests.evidence.tally import PROPERTY


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for every detector and kind of data."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [value for report in reports for name, value in report.user_properties if name == PROPERTY]
    if lines:
        terminalreporter.section("decisions of the detectors")
        for line in sorted(map(str, lines)):
            terminalreporter.write_line(line)
