"""What kedit has to say about a file: every kind of finding, its code, severity and advice (docs/findings.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from kedit.errors import Place
from kedit.ontology.model import Finding

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding. `message` is filled with the count; `plural` likewise for counts other than 1."""

    severity: Severity
    message: str
    plural: str
    advice: str


def _kind(severity: Severity, message: str, advice: str, plural: str | None = None) -> Kind:
    return Kind(severity, message, plural or message, advice)


KINDS: dict[str, Kind] = {
    "KE001": _kind("warning", "an import is not available here", "Name its file with --import IRI=FILE or in catalog-v001.xml."),
    "KE002": _kind(
        "warning",
        "{n} relative IRI, and the file declares no base",
        "Write @base (Turtle) or xml:base (RDF/XML).",
        "{n} relative IRIs, and the file declares no base",
    ),
    "KE003": _kind(
        "warning",
        "an RDF list is broken (cyclic, forked or cut off)",
        "Write the list again; it was left out.",
        "{n} RDF lists are broken (cyclic, forked or cut off)",
    ),
    "KE004": _kind(
        "warning",
        "{n} term of the kedit vocabulary is unknown",
        "See kedit.ttl for the names that exist.",
        "{n} terms of the kedit vocabulary are unknown",
    ),
    "KE005": _kind(
        "warning",
        "{n} rdf:ID is no XML name or stands twice, and is read as rdf:about",
        "Write rdf:about='#name' there.",
        "{n} rdf:ID are no XML names or stand twice, and are read as rdf:about",
    ),
    "KE010": _kind(
        "error", "nothing to align: no relation is defined", "Declare owl:ObjectProperty or owl:DatatypeProperty terms."
    ),
    "KE011": _kind("error", "nothing to align: no relation has a fact", "Add facts about individuals: :Rome :capitalOf :Italy ."),
    "KE012": _kind(
        "info",
        "{n} relation has no facts and is skipped",
        "Add facts, or ignore this for a schema.",
        "{n} relations have no facts and are skipped",
    ),
    "KE013": _kind(
        "warning",
        "{n} relation follows from a chain only, without asserted facts, and is skipped",
        "Assert its facts, or ask for it as a two-hop question.",
        "{n} relations follow from chains only, without asserted facts, and are skipped",
    ),
    "KE014": _kind(
        "info",
        "{n} property is not declared and is read as a relation by its facts",
        "Declare it owl:ObjectProperty or owl:DatatypeProperty.",
        "{n} properties are not declared and are read as relations by their facts",
    ),
    "KE015": _kind(
        "warning",
        "{n} value does not fit its property (a literal of an object property or an IRI of a data property)",
        "Declare the property as what its values are; these values were left out.",
        "{n} values do not fit their properties (literals of object properties or IRIs of data properties)",
    ),
    "KE016": _kind(
        "warning",
        "{n} property is declared both object and datatype property",
        "Keep one; it was read by its facts.",
        "{n} properties are declared both object and datatype properties",
    ),
    "KE020": _kind(
        "error",
        "a template is malformed and left out",
        "A template holds {subject} once; a cloze ends in {object}; nothing else stands in braces.",
        "{n} templates are malformed and left out",
    ),
    "KE021": _kind(
        "info",
        "{n} relation has templates made by rule from its name",
        "Read them; write kedit:questionTemplate for better ones.",
        "{n} relations have templates made by rule from their names",
    ),
    "KE022": _kind(
        "warning",
        "{n} relation has no template and a name that gives none; it is skipped",
        "Write kedit:questionTemplate or kedit:clozeTemplate for it.",
        "{n} relations have no template and names that give none; they are skipped",
    ),
    "KE023": _kind(
        "warning",
        "{n} relation has no template held out of training",
        "Write kedit:heldOutTemplate for it.",
        "{n} relations have no template held out of training",
    ),
    "KE024": _kind(
        "info",
        "{n} template asks in the direction that was folded away and is not used",
        "Write it for the direction that is kept.",
        "{n} templates ask in directions that were folded away and are not used",
    ),
    "KE030": _kind(
        "warning",
        "{n} subject of a functional relation has several answers",
        "Correct the facts or drop owl:FunctionalProperty.",
        "{n} subjects of functional relations have several answers",
    ),
    "KE031": _kind(
        "info",
        "{n} property is folded into its inverse",
        "One slot serves both directions.",
        "{n} properties are folded into their inverses",
    ),
    "KE032": _kind(
        "warning",
        "a hierarchy is cyclic; its members are taken as one",
        "Remove one of the subClassOf/subPropertyOf links.",
        "{n} hierarchies are cyclic; the members of each are taken as one",
    ),
    "KE033": _kind("info", "{n} term is deprecated and skipped", "Use its replacement.", "{n} terms are deprecated and skipped"),
    "KE034": _kind(
        "info",
        "{n} term is excluded by kedit:exclude",
        "Name it with --relations, or remove kedit:exclude, to use it.",
        "{n} terms are excluded by kedit:exclude",
    ),
    "KE035": _kind(
        "warning",
        "{n} property chain is circular, or nested over 100 deep; it is never computed",
        "Asserted facts of the relation are used as they are.",
        "{n} property chains are circular, or nested over 100 deep; they are never computed",
    ),
    "KE036": _kind(
        "info",
        "{n} fact about a class is read from a restriction",
        "Leave out --class-facts to ignore restrictions.",
        "{n} facts about classes are read from restrictions",
    ),
    "KE038": _kind(
        "info",
        "{n} restriction on a class could be read as a fact about the class",
        "Read it with --class-facts.",
        "{n} restrictions on classes could be read as facts about the classes",
    ),
    "KE039": _kind(
        "warning",
        "{n} individual belongs to two classes that are stated to be disjoint",
        "Correct its types or the axiom; its facts are used.",
        "{n} individuals belong to two classes that are stated to be disjoint",
    ),
    "KE037": _kind(
        "info",
        "{n} term is the same as another (owl:sameAs, equivalent) and merged",
        "Its names stay valid.",
        "{n} terms are the same as others (owl:sameAs, equivalent) and merged",
    ),
    "KE040": _kind(
        "warning",
        "{n} individual has no label; its IRI's last part is used",
        "Write rdfs:label, or name the property: --label-property.",
        "{n} individuals have no label; the last parts of their IRIs are used",
    ),
    "KE041": _kind(
        "warning",
        "{n} individual has a label in other languages only",
        "Add a label in the language, or choose another --lang.",
        "{n} individuals have labels in other languages only",
    ),
    "KE042": _kind(
        "warning",
        "{n} question is ambiguous: subjects of the same name have different answers",
        "Tell them apart by kedit:answerText or labels.",
        "{n} questions are ambiguous: subjects of the same name have different answers",
    ),
    "KE043": _kind(
        "info",
        "{n} value is in another language than the one asked for",
        "Choose it with --lang.",
        "{n} values are in other languages than the one asked for",
    ),
    "KE044": _kind(
        "warning",
        "{n} fact has a subject or object outside the relation's domain or range",
        "Check the types; the facts are used.",
        "{n} facts have a subject or object outside the relation's domain or range",
    ),
    "KE047": _kind(
        "warning",
        "{n} answer is none of those that the relation's range enumerates",
        "Correct the fact or the owl:oneOf; the fact is used.",
        "{n} answers are none of those that the relations' ranges enumerate",
    ),
    "KE048": _kind(
        "warning",
        "{n} kedit:answerPolicy is neither any nor skip-ambiguous",
        "Write one of the two.",
        "{n} kedit:answerPolicy values are neither any nor skip-ambiguous",
    ),
    "KE049": _kind(
        "info",
        "{n} relation or class has no label; the words of its IRI's last part are used",
        "Write rdfs:label, or name the property: --label-property.",
        "{n} relations and classes have no label; the words of their IRIs' last parts are used",
    ),
    "KE050": _kind(
        "info",
        "{n} property is declared without its kind and is read by its facts",
        "Declare it owl:ObjectProperty or owl:DatatypeProperty.",
        "{n} properties are declared without their kind and are read by their facts",
    ),
    "KE045": _kind(
        "warning",
        "{n} kedit:split is not train, valid or test",
        "Write one of the three.",
        "{n} kedit:split values are not train, valid or test",
    ),
    "KE046": _kind(
        "error",
        "{n} term asks for its slot by no single number from 0 up (kedit:slot)",
        "Write one non-negative integer, or leave kedit:slot out.",
        "{n} terms ask for their slots by no single number from 0 up (kedit:slot)",
    ),
}


GUESSED = frozenset({"KE014", "KE016", "KE021", "KE031", "KE040", "KE041", "KE049", "KE050"})
"""What kedit decided by itself."""
IGNORED = frozenset(
    {"KE001", "KE003", "KE004", "KE012", "KE013", "KE015", "KE020", "KE022", "KE024", "KE033", "KE034", "KE035", "KE038"}
    | {"KE043", "KE045", "KE046", "KE048"}
)
"""What was read and is not used."""


class Term(str):
    """The IRI of a term in an example: shown as `prefix:local 'label'`."""

    __slots__ = ()


def joined(iris: Iterable[str]) -> list[str]:
    """Terms that are the same, as parts of an example."""
    parts = [part for iri in iris for part in (" = ", Term(iri))]
    return parts[1:]


@dataclass(frozen=True, slots=True, order=True)
class _Case:
    """An example not yet written out: text and terms, what the finding is about, and where it stands, if that is known."""

    parts: tuple[str, ...]
    about: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass
class Findings:
    """Collects findings while a file is read; the cases of a kind fold into one finding with a count and an example."""

    _folded: dict[str, tuple[int, _Case]] = field(default_factory=dict)
    _alone: list[tuple[str, _Case, str | None]] = field(default_factory=list)
    _once: set[tuple[str, str]] = field(default_factory=set)

    def add(self, code: str, *parts: str, about: str | None = None, place: Place | None = None, once: str | None = None) -> None:
        """One more case of a kind. `parts` are the words and terms of its example; its place is looked up, unless given, for
        the term that it is `about` (the first one named); what is met several times is counted `once` under a key."""
        if once is not None:
            if (code, once) in self._once:
                return
            self._once.add((code, once))
        self.add_counted(code, 1, *parts, about=about, place=place)

    def add_all(self, code: str, iris: Iterable[str]) -> None:
        """Many terms that are a case each."""
        for iri in iris:
            self.add(code, Term(iri))

    def add_counted(self, code: str, count: int, *parts: str, about: str | None = None, place: Place | None = None) -> None:
        """`count` cases of which only one is written out."""
        subject = about if about is not None else next((part for part in parts if isinstance(part, Term)), "")
        case = _Case(parts, subject, place)
        known, first = self._folded.get(code, (0, case))
        self._folded[code] = (known + count, min(first, case))

    def add_alone(self, code: str, *parts: str, message: str | None = None, about: str = "") -> None:
        """A case that stands on a line of its own."""
        self._alone.append((code, _Case(parts, about), message))

    def collected(self, show: Callable[[str], str], find: Callable[[str], Place | None]) -> tuple[Finding, ...]:
        """All findings by code; the example of a fold is the first by IRI, whatever the order of the file.

        `show` writes a term, `find` says where it stands.
        """
        cases: list[tuple[str, int, _Case, str | None]] = [(code, 1, case, message) for code, case, message in self._alone]
        cases += [(code, count, case, None) for code, (count, case) in self._folded.items()]
        made = []
        for code, count, case, message in cases:
            kind = KINDS[code]
            text = message or (kind.message if count == 1 else kind.plural).replace("{n}", f"{count:,}")
            example = "".join(show(part) if isinstance(part, Term) else part for part in case.parts) or None
            place = case.place or (find(case.about) if case.about else None)
            made.append(Finding(code, kind.severity, text, count, example, kind.advice, place))
        return tuple(sorted(made, key=lambda finding: (finding.code, finding.example or "", finding.message)))


def at_least(findings: Iterable[Finding], severity: Severity) -> list[Finding]:
    """Findings of a severity or worse."""
    worst = SEVERITIES[SEVERITIES.index(severity) :]
    return [finding for finding in findings if finding.severity in worst]
