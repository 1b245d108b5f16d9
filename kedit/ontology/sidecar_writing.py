"""The templates of an ontology written out for editing: YAML that `--templates` reads, with what was guessed as comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from kedit.errors import InputError, Place
from kedit.files import write_text
from kedit.ontology.inspection import example
from kedit.ontology.model import Ontology, Relation
from kedit.ontology.sidecar import SCHEMA, SECTIONS, Sidecar
from kedit.ontology.templates import FORMS, PROPERTIES
from kedit.ontology.terms import Curies

LONGEST = 110
"""Characters of an example or a label in a comment."""
_FORMS = 'a question such as "Who is the father of {subject}?" or a cloze such as "The father of {subject} is {object}"'
_STUB = (("questionTemplate", "{...} {subject} {...}?"), ("clozeTemplate", "{...} {subject} {...} {object}"))
"""Lines to fill in: `{...}` is no placeholder, so that a stub nobody has filled in is an error and never a prompt."""


def template_rows(ontology: Ontology, relations: Sequence[str]) -> list[dict[str, Any]]:
    """Relations with their templates by key, how these came about, and a prompt; those with facts first, then by CURIE."""
    chosen = [ontology.relations[iri] for iri in relations]
    ordered = sorted(chosen, key=lambda relation: (not ontology.facts[relation.iri], relation.curie, relation.iri))
    return [
        {
            "iri": relation.iri,
            "curie": relation.curie,
            "label": relation.label,
            "facts": sum(map(len, ontology.facts[relation.iri].values())),
            "template": relation.template_source,
            "rule": relation.rule,
            "confidence": relation.confidence,
            "refusal": relation.refusal,
            "excluded": relation.excluded,
            "example": example(ontology, relation),
            "keys": _keys(relation),
        }
        for relation in ordered
    ]


def sidecar_yaml(ontology: Ontology, relations: Sequence[str], kept: Sidecar | None = None) -> str:
    """The text of a sidecar file for the relations; what `kept` says of anything else stays as it is.

    Reading it with the same ontology gives the same templates.
    """
    short = _Shortener(ontology)
    notes = _kept(ontology, kept)
    entries = []
    for row in template_rows(ontology, relations):
        term, given = short(row["iri"]), {**notes["relations"].pop(row["iri"], {}), **row["keys"]}
        comments = _comments(ontology, row)
        entries.append("".join(f"  # {line}\n" for line in comments) + (_entry(term, given) if given else _stub(term)))
    entries += [_entry(short(iri), given) for iri, given in notes["relations"].items()]
    others = [
        _dump({section: {short(iri): given for iri, given in notes[section].items()}})
        for section in ("classes", "individuals")
        if notes[section]
    ]
    head = (
        f"# Templates of {Path(ontology.source).name}, from `kedit ontology templates`. Edit them, then pass this file with\n"
        "# --templates. {subject} stands in each once, {object} at the end of a cloze. All keys and rules: docs/templates.md\n"
    )
    top = _dump({"schema": SCHEMA, **({"prefixes": short.used()} if short.used() else {})})
    return "\n".join([head + top, "relations:\n" + "\n".join(entries), *others])


def save_new(text: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a text to a new file; InputError if there is one already, unless it may be replaced."""
    if path.is_dir():
        raise InputError("is a directory", place=Place(path), advice="Name a file with -o.", code="KE174")
    if path.exists() and not overwrite:
        raise InputError(
            "exists already", place=Place(path), advice="Name another file with -o, or replace it with --overwrite.", code="KE174"
        )
    write_text(path, text)


class _Shortener:
    """CURIEs by an ontology's prefixes, `<IRI>` where there is none that reads back; remembers the prefixes that it used."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._curies = Curies(ontology.prefixes)
        self._used: set[str] = set()

    def __call__(self, iri: str) -> str:
        curie = self._ontology.curie(iri)
        if curie.startswith("<") or self._curies.expand(curie) != iri:
            return f"<{iri}>"
        self._used.add(curie.partition(":")[0])
        return curie

    def used(self) -> dict[str, str]:
        """Prefix -> namespace."""
        return {prefix: self._ontology.prefixes[prefix] for prefix in sorted(self._used)}


def _keys(relation: Relation) -> dict[str, Any]:
    """What a sidecar says of a relation so that it reads as it does now; nothing for one without templates."""
    if not relation.templates:
        return {}
    keys: dict[str, Any] = {"phrase": relation.phrase} if relation.phrase else {}
    for key, role in PROPERTIES:
        form = FORMS.get(key)
        texts = [t.text for t in relation.templates if t.role == role and form in (None, t.form)]
        keys |= {key: texts} if texts else {}
    return keys


def _kept(ontology: Ontology, sidecar: Sidecar | None) -> dict[str, dict[str, dict[str, Any]]]:
    """Section -> IRI -> key -> value, of a sidecar."""
    found: dict[str, dict[str, dict[str, Any]]] = {section: {} for section in SECTIONS}
    for section, terms in sidecar.iris(ontology.prefixes).items() if sidecar else ():
        for iri, term in terms.items():
            given = getattr(sidecar.content, section)[term].given()  # type: ignore[union-attr]
            found[section][iri] = {key: list(value) if isinstance(value, tuple) else value for key, value in given}
    return found


def _comments(ontology: Ontology, row: Mapping[str, Any]) -> list[str]:
    facts = f"{row['facts']:,} fact{'' if row['facts'] == 1 else 's'}" if row["facts"] else "no facts"
    how = row["template"]
    if row["rule"]:
        how = f'made by the rule "{row["rule"]}", confidence {row["confidence"]:.2f}'
    elif row["refusal"]:
        how = f"refused: {row['refusal']}"
    how += " · excluded" if row["excluded"] else ""
    lines = [f"{_plain(row['label'])} · {facts} · {how}"]
    if row["example"]:
        lines.append(f"{_plain(row['example']['prompt'])} -> {_plain(', '.join(row['example']['answers']))}")
    elif row["facts"]:
        lines.append(_plain(_fact(ontology, row["iri"])))
    if row["refusal"]:
        lines.append(f"write {_FORMS}")
    return lines


def _fact(ontology: Ontology, relation: str) -> str:
    """A subject with its answers."""
    subject, values = next(iter(ontology.facts[relation].items()))
    return f"{ontology.individuals[subject].label} -> {', '.join(ontology.texts(value)[0] for value in values)}"


def _plain(text: str) -> str:
    """One line that may stand in a comment."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _entry(term: str, given: Mapping[str, Any]) -> str:
    return _dump({"relations": {term: dict(given)}}).split("\n", 1)[1]


def _stub(term: str) -> str:
    """An entry to be filled in, as a comment."""
    text = _entry(term, {key: [text] for key, text in _STUB})
    return "".join(f"  # {line[2:]}\n" for line in text.splitlines())


def _dump(value: Mapping[str, Any]) -> str:
    """Block YAML, one text a line; a text of several lines as a literal block, control characters escaped."""
    from ruamel.yaml import YAML

    writer = YAML(typ="rt", pure=True)
    writer.width = 1 << 30
    writer.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    writer.dump(_literal(value), out)
    return out.getvalue()


def _literal(value: Any) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, Mapping):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    if not isinstance(value, str) or value.isprintable():
        return value
    return LiteralScalarString(value) if value.replace("\n", "").isprintable() else DoubleQuotedScalarString(value)
