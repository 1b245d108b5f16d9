"""The rules of the house: rooms import only rooms above them, and torch stays away from where it is not needed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kedit"
SHARED = {"errors", "files", "progress", "yaml", "config", "locks", "manifest", "machine", "intervals"}
"""Plain helpers that belong to no room and import none."""
ROOMS = (
    *("ontology", "curriculum", "lm", "sae", "editing", "verification", "reporting"),
    *("runs", "stages", "pipeline", "bench", "cli"),
)
TYPES_ALLOWED = {"runs"}
"""May be imported from above, under TYPE_CHECKING only."""
TORCH_FREE = ("ontology", "curriculum", "reporting", "cli", *SHARED)


def room(path: Path) -> str:
    """The room or shared helper that a file of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files(*rooms: str) -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if room(path) in rooms)


def imported(node: ast.AST) -> list[str]:
    """Dotted names of the modules that an import statement may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(room imported, only for type checking) for every import of kedit in a file, also inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for name in imported(node):
            parts = name.split(".")
            if parts[0] == "kedit" and len(parts) > 1 and parts[1] in {*ROOMS, *SHARED}:
                yield parts[1], id(node) in typing_only


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when a module is imported: not those inside functions or under TYPE_CHECKING."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", files(*ROOMS), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_rooms_above_it(path: Path) -> None:
    own = ROOMS.index(room(path))
    wrong = {
        other
        for other, typing_only in imports(path)
        if other in ROOMS and ROOMS.index(other) > own and not (typing_only and other in TYPES_ALLOWED)
    }
    assert not wrong, f"{room(path)} must not import {sorted(wrong)}"


def test_dictionaries_know_nothing_of_models() -> None:
    assert not [path for path in files("sae") if "lm" in {other for other, _ in imports(path)}]


@pytest.mark.parametrize("path", files(*SHARED), ids=lambda path: path.name)
def test_shared_helpers_import_no_room(path: Path) -> None:
    assert {other for other, _ in imports(path)} <= SHARED


@pytest.mark.parametrize("path", files(*TORCH_FREE), ids=lambda path: str(path.relative_to(ROOT)))
def test_light_rooms_load_no_torch_at_import(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loaded = {name.split(".")[0] for node in at_import(tree) for name in imported(node)}
    assert not loaded & {"torch", "transformers", "accelerate", "safetensors"}


def test_the_command_line_loads_nothing_heavy_at_import() -> None:
    script = "import sys, kedit.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {"torch", "transformers", "numpy", "pydantic", "rdflib", "pyoxigraph", "networkx", "ruamel"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["align", "--help"], 0),
        (["config", "show"], 0),
        (["recipe", "schema"], 0),
        (["plan", "no-such-recipe.yaml"], 2),
        (["ontology", "inspect", str(ROOT / "ontologies" / "family.ttl")], 0),
        (["ontology", "slots", "--json", str(ROOT / "ontologies" / "family.ttl")], 0),
    ],
    ids=lambda value: " ".join(Path(part).name for part in value) if isinstance(value, list) else str(value),
)
def test_commands_without_a_model_load_no_torch(arguments: list[str], code: int) -> None:
    script = (
        "import sys\nfrom kedit.cli.main import run\n"
        f"code = run({arguments!r})\n"
        "heavy = {'torch', 'transformers'} & set(sys.modules)\n"
        f"sys.exit(f'loaded {{heavy}}' if heavy else f'exit code {{code}}' if code != {code} else 0)"
    )
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
