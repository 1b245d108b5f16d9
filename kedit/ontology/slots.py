"""`kedit:slot`: the slot index that a term asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kedit.ontology.findings import Findings, joined
from kedit.ontology.index import TripleIndex
from kedit.ontology.terms import KEDIT, is_blank, is_literal, text_of

_INDEX = re.compile(r"\+?0*[0-9]{1,9}", re.ASCII)


def asked_slot(index: TripleIndex, members: Iterable[str], findings: Findings) -> int | None:
    """The index that terms which are one ask for; None if they ask for none, or not for one number (a finding)."""
    pairs = index.pairs(KEDIT + "slot")
    if not pairs:
        return None
    stated = {member: pairs[member] for member in sorted(members) if member in pairs}
    texts = sorted({_text(term) for terms in stated.values() for term in terms})
    numbers = {int(text) if _INDEX.fullmatch(text) else None for text in texts}
    if len(numbers) == 1 and None not in numbers:
        return numbers.pop()
    if stated:
        findings.add("KE046", *joined(stated), f": {', '.join(texts)}")
    return None


def _text(term: str) -> str:
    if is_literal(term):
        return text_of(term)
    return "a blank node" if is_blank(term) else f"<{term}>"
