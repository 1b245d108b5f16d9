"""Which relations a run can use; a clear refusal where there are none."""

from __future__ import annotations

from collections.abc import Sequence

from kedit.errors import InputError, Place
from kedit.ontology.model import Ontology, Relation


def require_alignable(ontology: Ontology, relations: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """IRIs of the relations to align, sorted: those named, else all that can be used, without the excluded ones.

    A relation can be used if it has facts and templates; `kedit:exclude` leaves it out unless it is named. Raises InputError
    if a named one is unknown or cannot be used, if the ontology has no relation or no fact, and if none is left.
    """
    place = Place(ontology.source)
    if not ontology.relations:
        advice = "Declare owl:ObjectProperty or owl:DatatypeProperty terms and state facts with them."
        raise InputError("nothing to align: the ontology defines no relation", place=place, advice=advice, code="KE160")
    if not any(ontology.facts.values()):
        count = len(ontology.relations)
        advice = "Add facts about individuals, or name the file that holds them with --import IRI=FILE."
        raise InputError(f"nothing to align: {_counted(count)} but no fact", place=place, advice=advice, code="KE161")
    left_out = {_known(ontology, term, "--exclude") for term in exclude}
    if relations:
        named = sorted({_known(ontology, term, "--relations") for term in relations} - left_out)
        for iri in named:
            problem = unusable(ontology, ontology.relations[iri])
            if problem:
                name = f"{ontology.relations[iri].curie} '{ontology.relations[iri].label}'"
                message = f"relation {name} cannot be used: it has {problem[0]}"
                raise InputError(message, place=place, advice=problem[1], code="KE163")
        if not named:
            advice = "Change --relations or --exclude."
            raise InputError("nothing to align: every named relation is excluded", place=place, advice=advice, code="KE164")
        return named
    left_out |= {iri for iri, relation in ontology.relations.items() if relation.excluded}
    usable = [iri for iri, relation in ontology.relations.items() if iri not in left_out and unusable(ontology, relation) is None]
    if usable:
        return usable
    reasons = [
        f"{relation.curie} {'is excluded' if iri in left_out else 'has ' + (unusable(ontology, relation) or ('', ''))[0]}"
        for iri, relation in ontology.relations.items()
    ]
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    advice = (
        "Name relations with --relations, or exclude fewer."
        if left_out >= ontology.relations.keys()
        else "Write kedit:questionTemplate or kedit:clozeTemplate on a relation that has facts."
    )
    raise InputError(f"nothing to align: no usable relation is left ({shown})", place=place, advice=advice, code="KE164")


def unusable(ontology: Ontology, relation: Relation) -> tuple[str, str] | None:
    """What a relation lacks, and advice; None if it can be used."""
    if not ontology.facts.get(relation.iri):
        if relation.chains:
            return "no asserted facts, only a property chain", "Assert its facts, or ask for it as a two-hop question."
        return "no facts", "State facts with it, or leave it out."
    if not relation.templates:
        return "no template and a name that gives none", "Write kedit:questionTemplate or kedit:clozeTemplate for it."
    if not any(template.role == "train" for template in relation.templates):
        return "no template to train on", "Write kedit:questionTemplate or kedit:clozeTemplate for it."
    return None


def _known(ontology: Ontology, term: str, option: str) -> str:
    try:
        return ontology.resolve(term)
    except InputError as error:
        message = f"{option}: {error.message}"
        raise InputError(message, place=Place(ontology.source), advice=error.advice, code="KE162") from None


def _counted(count: int) -> str:
    return f"{count} relation" + ("s" if count != 1 else "")
