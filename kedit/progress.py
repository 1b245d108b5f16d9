"""One progress bar for all long work: rich on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[..., None]
_settings = {"quiet": False}


def set_quiet(quiet: bool) -> None:
    """Switch progress off (`-q`) or on."""
    _settings["quiet"] = quiet


def say(message: str) -> None:
    """One line of news on stderr, unless quiet."""
    if not _settings["quiet"]:
        print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(description: str, total: int, unit: str = "it") -> Iterator[Advance]:
    """Show `description` with rate and time left; yields `advance(n=1, note="")`."""
    if _settings["quiet"]:
        yield lambda n=1, note="": None
    elif sys.stderr.isatty():
        with _rich_progress(description, total, unit) as advance:
            yield advance
    else:
        with _plain_progress(description, total, unit) as advance:
            yield advance


@contextmanager
def _rich_progress(description: str, total: int, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, rate="", note="")

        def advance(n: int = 1, note: str = "") -> None:
            done = bar.tasks[task].completed + n
            rate = done / max(time.monotonic() - started, 1e-9)
            bar.update(task, advance=n, rate=f"{rate:,.1f} {unit}/s", note=note)

        yield advance


@contextmanager
def _plain_progress(description: str, total: int, unit: str, every: float = 10.0) -> Iterator[Advance]:
    started = spoken = time.monotonic()
    done = 0

    def advance(n: int = 1, note: str = "") -> None:
        nonlocal done, spoken
        done += n
        now = time.monotonic()
        if now - spoken >= every:
            spoken = now
            rate = done / (now - started)
            left = (total - done) / rate if rate else 0.0
            say(f"{description}: {done}/{total} {unit}, {rate:,.1f} {unit}/s, {left:,.0f} s left {note}".rstrip())

    yield advance
    say(f"{description}: {done} {unit} in {time.monotonic() - started:,.1f} s")
