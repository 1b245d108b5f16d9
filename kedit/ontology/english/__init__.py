"""Questions in English from the names of relations, for ontologies that bring no templates."""
