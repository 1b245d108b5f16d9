"""docs/errors.md names exactly the codes that the code gives."""

from __future__ import annotations

import re
from pathlib import Path

from kedit.ontology.findings import KINDS

HOUSE = Path(__file__).parents[2]


def test_page_and_code_agree() -> None:
    page = (HOUSE / "docs" / "errors.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (KE\d{3}) \|", page, re.MULTILINE)
    given = {code for path in (HOUSE / "kedit").rglob("*.py") for code in re.findall(r"\"(KE1\d{2})\"", path.read_text("utf-8"))}
    assert sorted(told) == sorted(given)
    assert not given & KINDS.keys()
