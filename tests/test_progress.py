"""Progress goes to stderr only: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys

import pytest

import kedit.progress as module
from kedit.progress import progress, say, set_quiet


def test_plain_lines_end_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Reading", 4, "files") as advance:
        for _ in range(2):
            advance(2, note="x")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Reading: 4 files in ")
    assert err.count("\n") == 1


def test_plain_lines_tell_rate_and_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 12.0, 30.0, 30.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("Reading", 100, "files") as advance:
        advance(10)  # 5 s: too early to speak
        advance(10, note="b.txt")
        advance(10)  # 2 s after the last line
        advance(30)
    assert capsys.readouterr().err.splitlines() == [
        "Reading: 20/100 files, 2.0 files/s, 40 s left b.txt",
        "Reading: 60/100 files, 2.0 files/s, 20 s left",
        "Reading: 60 files in 30.0 s",
    ]


def test_an_interruption_passes_through_without_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        with progress("Reading", 4):
            raise KeyboardInterrupt
    assert "in" not in capsys.readouterr().err.replace("Reading", "")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    set_quiet(True)
    say("hello")
    with progress("Reading", 1) as advance:
        advance()
        advance(3, "note")
    assert capsys.readouterr() == ("", "")


def test_say_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("hello")
    assert capsys.readouterr() == ("", "hello\n")


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    with progress("Reading", 3, "files") as advance:
        advance(3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Reading" in err
    assert "3/3" in err
