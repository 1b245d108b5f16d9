"""The prefixes by which an ontology's terms are shown and named: the file's own, the usual ones, and some for bare namespaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from kedit.ontology.index import TripleIndex
from kedit.ontology.terms import KEDIT, OWL, RDF, RDFS, SKOS, XSD, is_iri

_USUAL = {"rdf": RDF, "rdfs": RDFS, "owl": OWL, "xsd": XSD, "skos": SKOS, "kedit": KEDIT}


def completed(declared: Mapping[str, str], index: TripleIndex, types: Mapping[str, set[str]]) -> dict[str, str]:
    """Declared prefixes, and ones for namespaces of properties that have none (N-Triples declares none at all); sorted.

    Annotations of kedit's own change nothing here, so that a copy that holds them has the same short forms.
    """
    prefixes = dict(declared)
    for prefix, namespace in _USUAL.items():
        if namespace not in prefixes.values():
            prefixes.setdefault(prefix, namespace)
    own = index.pairs(RDFS + "domain").keys() | set(index.data)
    own |= {iri for kind in ("ObjectProperty", "DatatypeProperty") for iri in types.get(OWL + kind, ())}
    known = tuple(namespace for namespace in (*prefixes.values(), KEDIT) if namespace)
    bare = Counter(iri[: max(iri.rfind("#"), iri.rfind("/")) + 1] for iri in own if is_iri(iri) and not iri.startswith(known))
    for number, (namespace, _) in enumerate(sorted(bare.items(), key=lambda item: (-item[1], item[0]))):
        name = "" if number == 0 and "" not in prefixes else f"ns{number + 1}"
        if namespace and name not in prefixes:
            prefixes[name] = namespace
    return dict(sorted(prefixes.items()))
