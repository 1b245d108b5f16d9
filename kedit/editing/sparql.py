"""Scopes by SPARQL: one read-only SELECT over the run's own ontology, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedit.errors import InputError, Place


def select_subjects(query: str, graph: Path, prefixes: Mapping[str, str], place: Place) -> frozenset[str]:
    """IRIs that the first variable of a SELECT takes over the graph in `graph` (Turtle).

    Local and read-only: another form than SELECT, SERVICE, FROM and FROM NAMED (which would load what they name) are
    refused with an InputError at `place`, like everything that does not parse.
    """
    from rdflib import Graph, URIRef
    from rdflib.plugins.sparql import prepareQuery

    try:
        prepared = prepareQuery(query, initNs=dict(prefixes))
    except Exception as error:  # rdflib raises pyparsing's, its own and plain Exceptions here
        first_line = str(error).split("\n")[0]
        raise InputError(f"is not a SPARQL query: {first_line}", place=place) from error
    algebra: Any = prepared.algebra
    if algebra.name != "SelectQuery":
        raise InputError("must be a SELECT query", place=place)
    if algebra.get("datasetClause"):
        raise InputError("FROM is refused: a scope is looked up in the run's own ontology", place=place)
    if _holds_service(algebra):
        raise InputError("SERVICE is refused: nothing is looked up on the network", place=place)
    data = Graph(bind_namespaces="none").parse(graph, format="turtle")
    rows = list(data.query(prepared))
    values = [row[0] for row in rows]  # type: ignore[index]
    if odd := next((value for value in values if not isinstance(value, URIRef)), None):
        raise InputError(f"the first variable must be a subject's IRI (got {odd!r})", place=place)
    return frozenset(str(value) for value in values)


def _holds_service(node: Any) -> bool:
    if getattr(node, "name", None) == "ServiceGraphPattern":
        return True
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list | tuple) else ()
    return any(_holds_service(child) for child in children)
