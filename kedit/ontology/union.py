"""Which terms are one: a union-find whose links may turn a relation round."""

from __future__ import annotations

from collections.abc import Iterable


class Union:
    """Groups of terms; each member has a parity, 1 where it reads against its group's representative."""

    def __init__(self) -> None:
        self._parent: dict[str, tuple[str, int]] = {}
        self.contradictory: set[str] = set()
        """Representatives of groups in which a term is its own inverse."""

    def find(self, term: str) -> tuple[str, int]:
        """Representative of a term and its parity; a term of no group stands for itself."""
        path: list[tuple[str, int]] = []
        node, parity = term, 0
        while node in self._parent:
            parent, turn = self._parent[node]
            path.append((node, turn))
            node, parity = parent, parity ^ turn
        left = parity
        for member, turn in path:  # point straight to the representative next time
            self._parent[member] = (node, left)
            left ^= turn
        return node, parity

    def join(self, one: str, other: str, parity: int = 0) -> None:
        """State that `one` is `other` (parity 0) or its inverse (parity 1)."""
        (a, turn_a), (b, turn_b) = self.find(one), self.find(other)
        turn = turn_a ^ turn_b ^ parity
        if a == b:
            if turn:
                self.contradictory.add(a)
            return
        low, high = sorted((a, b))
        self._parent[high] = (low, turn)
        if high in self.contradictory:
            self.contradictory.discard(high)
            self.contradictory.add(low)

    def groups(self, terms: Iterable[str]) -> dict[str, dict[str, int]]:
        """Representative -> member -> parity, both sorted."""
        found: dict[str, dict[str, int]] = {}
        for term in sorted(terms):
            root, parity = self.find(term)
            found.setdefault(root, {})[term] = parity
        return dict(sorted(found.items()))


def cycles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Groups of terms that reach each other, each sorted; self-loops are none."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_edges_from(sorted(set(edges)))
    return sorted(sorted(group) for group in networkx.strongly_connected_components(graph) if len(group) > 1)
