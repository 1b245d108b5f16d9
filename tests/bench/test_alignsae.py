"""The ladder's base model: taught once, with checkpoints only if they are asked for then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kedit.errors import InputError


@pytest.mark.slow
def test_checkpoints_are_kept_where_the_base_model_is_taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kedit.bench import alignsae
    from kedit.bench import taught as models
    from kedit.bench.biography import write_biography

    world, kept = tmp_path / "biography.ttl", tmp_path / "checkpoints"
    write_biography(world, 20)
    taught: list[Any] = []
    monkeypatch.setattr(alignsae, "make_tiny", lambda *_, **__: None)
    monkeypatch.setattr(alignsae, "teach", lambda *_, checkpoints, **__: taught.append(checkpoints))
    monkeypatch.setattr(models, "save_model", lambda _, folder: folder.mkdir())
    monkeypatch.setattr(models, "load_model", lambda name, **_: SimpleNamespace(name=name))
    size = alignsae.PROFILES["laptop"]

    def base(checkpoints: Path | None) -> Any:
        return alignsae._base_model(world, size, tmp_path / "model", "cpu", checkpoints)

    base(None)
    with pytest.raises(InputError, match="was taught without --checkpoints"):
        base(kept)
    (tmp_path / "model").rmdir()
    (kept / "step-000000").mkdir(parents=True)
    base(kept)
    assert not kept.exists()  # those of a teaching that was killed are gone
    assert taught == [None, kept]
    kept.mkdir()
    base(kept)
    assert len(taught) == 2
