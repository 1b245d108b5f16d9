"""`kedit capture` in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting.terminal import show


def render_capture(document: Mapping[str, Any]) -> RenderableType:
    """What a folder of captured states holds, and what is missing in it."""
    plan, parts = document["plan"], document["parts"]
    what = f"{plan['n']:,} prompts at {', '.join(plan['hook_points'])}: {plan['dtype']}, width {plan['d']}"
    done = f"{len(parts['made'])} parts made, {len(parts['kept'])} kept"
    spent = f"{fmt.duration(document['seconds'])}, at most {fmt.size(document['peak_memory'])} of memory"
    lines = [Text(str(document["out"]), style="bold"), Text(what), Text(f"{done} · {spent}", style="dim")]
    if parts["missing"]:
        lines.append(Text(f"{len(parts['missing'])} parts are still missing; other shards make them", style="yellow"))
    return Group(*lines)


def print_capture(document: Mapping[str, Any]) -> None:
    """Print what was captured or merged."""
    show(render_capture(document))
