"""A damaged run says which file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from kedit.errors import InputError
from kedit.stages import reports


@pytest.mark.parametrize("text", [None, "{"])
def test_missing_and_cut_off_files_are_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"evaluation\.json: is missing or damaged"):
        reports._json(path)
