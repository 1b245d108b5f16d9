"""Capture's peak memory against the number of prompts, on a random model of two blocks; every size in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kedit.bench.report import Result, document
from kedit.errors import InputError
from kedit.machine import keep_freed_memory, peak_memory
from kedit.progress import say

PROMPTS = (1_000, 10_000, 100_000)
GROWTH = 0.05
"""Above the fewest prompts' peak that still counts as flat."""
WIDTH, BLOCKS, LAYERS = 64, 2, (0, 1)
OF_CARRIER = 250
CHECKED = 8
TOLERANCE = 1e-3


class Prompts:
    """So many made-up prompts, never all of them at once."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for number in range(self._count):
            carrier, subject = divmod(number, OF_CARRIER)
            yield f"In register {carrier} the entry on person {subject * 37 % 1000} of family {subject} says", str(carrier)


def measure(prompts: Sequence[int] = PROMPTS) -> dict[str, Any]:
    """Capture so many prompts, and so many: `kedit.bench/1`. InputError for fewer than two sizes."""
    sizes = sorted(set(prompts))
    if len(sizes) < 2 or sizes[0] < CHECKED:
        raise InputError("memory is compared between numbers of prompts", advice="Give two or more, as in --prompts 1000,10000.")
    found = [_in_a_process(size) for size in sizes]
    first = found[0]["peak"]
    results = []
    for size, one in zip(sizes, found, strict=True):
        flat = one["peak"] <= (1 + GROWTH) * first
        results.append(Result(f"capture, {size:,} prompts", one["seconds"], None, None, one["peak"], one["right"] and flat))
    growth = max(one["peak"] for one in found) / first - 1
    return document(
        results,
        {"model": f"GPT-2 of {BLOCKS} blocks, random", "width": WIDTH, "tokens_per_prompt": round(found[0]["tokens"], 1)},
        (
            f"memory: peak of each process; the most is {growth:+.1%} of that of the fewest prompts",
            f"equal: memory is flat (up to {GROWTH:+.0%}), and {CHECKED} rows are those of a plain forward within {TOLERANCE}",
        ),
    )


def _in_a_process(prompts: int) -> dict[str, Any]:
    say(f"memory: {prompts:,} prompts")
    code = "import sys; from kedit.bench.memory import main; main(int(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(prompts)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main(prompts: int) -> None:
    """What a process of its own does: capture, timed; its findings as JSON on stdout."""
    from kedit.lm.activations import Capture, load_activations
    from kedit.lm.tiny import make_tiny

    keep_freed_memory()
    # The same model whatever the number of prompts.
    lm = make_tiny([text for text, _ in Prompts(OF_CARRIER)], width=WIDTH, layers=BLOCKS)
    asked = Prompts(prompts)
    with tempfile.TemporaryDirectory(prefix="kedit-bench-") as folder:
        started = time.perf_counter()
        Capture(lm, asked, Path(folder), LAYERS).run()
        seconds = time.perf_counter() - started
        # Memory is read before the results are looked at.
        peak = peak_memory()
        states = load_activations(folder)
        rows = set(range(0, prompts, prompts // CHECKED))
        texts = {row: text for row, (text, _) in enumerate(asked) if row in rows}
        found = [(_plain(lm, text), states.states(LAYERS[-1], row, row + 1)[0]) for row, text in texts.items()]
        right = len(states) == prompts and all((a - b).abs().max() <= TOLERANCE * a.abs().max() for a, b in found)
    tokens = sum(len(lm.encode(text)) for text in texts.values()) / len(texts)
    json.dump({"seconds": seconds, "peak": peak, "right": bool(right), "tokens": tokens}, sys.stdout)


def _plain(lm: Any, text: str) -> Any:
    """The state after the last wanted block by a forward of one text alone. Not `hidden_states`: its last one is normed."""
    import torch

    from kedit.lm.hooks import residual_hook

    kept: list[torch.Tensor] = []
    with residual_hook(lm.blocks[LAYERS[-1]], kept.append), torch.no_grad():
        lm.model(input_ids=torch.tensor([lm.encode(text)], device=lm.device))
    return kept[0][0, -1].float().cpu()
