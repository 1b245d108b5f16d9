"""Steps of questions as tables: means over seeds, the least beside them, nothing where nothing was measured."""

from __future__ import annotations

from typing import Any

from kedit.editing.metric_names import QUADRANTS
from kedit.reporting.terminal import to_text
from kedit.reporting.two_hop import ARMS, render_two_hop


def step(number: int, hit: float | None) -> dict[str, Any]:
    swaps = [
        {"quadrant": quadrant, "arm": arm, "pairs": pairs, "value": hit if arm == "edit" else 0.5, "n": 1000}
        for quadrant in QUADRANTS
        for arm in ARMS
        for pairs in ("all", "trained", "never_trained")
    ]
    binding = [{"quadrant": quadrant, "value": 1.0, "n": 2000} for quadrant in QUADRANTS]
    where = {"step": number, "site": "decision", "hook_point": "blocks.0.hook_resid_post", "strength": 1.0}
    return {**where, "binding": binding, "swaps": swaps}


def test_every_step_has_its_lines() -> None:
    document = {
        "facts": "invented",
        "world": {"people": 60, "relations": 20, "chains": 400},
        "size": {"width": 128, "layers": 6},
        "timing": {"base model": 600.0},
        "base": {"training questions": 1.0},
        "runs": [{"seed": seed, "steps": [step(1, hit), step(2, None)]} for seed, hit in ((1, 0.9), (2, 0.7))],
    }
    text = to_text(render_two_hop(document), width=100)
    assert max(map(len, text.splitlines())) <= 100
    assert "400 chains (invented facts)" in text
    first = [line for line in text.splitlines() if line.split()[:1] == ["1"] and "unseen × unseen" in line]
    assert first[0].split()[4:9] == ["0.70", "0.80", "0.50", "0.50", "0.50"]
    second = [line for line in text.splitlines() if line.split()[:1] == ["2"] and "unseen × unseen" in line]
    assert second[0].split()[4:6] == ["–", "–"]
