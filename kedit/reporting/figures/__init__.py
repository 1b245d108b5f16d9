"""The figures of evaluations and reports: drawn from the documents alone, once, for the page and for files beside it."""

from __future__ import annotations

from kedit.reporting.figures.activations import activation_figure
from kedit.reporting.figures.controls import compared, control_figure, tradeoff_figure
from kedit.reporting.figures.curves import strength_figure
from kedit.reporting.figures.damage import damage_figure
from kedit.reporting.figures.emergence import emergence_figure
from kedit.reporting.figures.ladder import ladder_figure
from kedit.reporting.figures.layers import layer_figure
from kedit.reporting.figures.manifold import manifold_figure
from kedit.reporting.figures.matrix import confusion_figure, pair_figure, pair_text
from kedit.reporting.figures.outcomes import outcome_figure
from kedit.reporting.figures.scaling import scaling_figure
from kedit.reporting.figures.svg import Figure

__all__ = [
    "Figure",
    "activation_figure",
    "compared",
    "confusion_figure",
    "control_figure",
    "damage_figure",
    "emergence_figure",
    "ladder_figure",
    "layer_figure",
    "manifold_figure",
    "outcome_figure",
    "pair_figure",
    "pair_text",
    "scaling_figure",
    "strength_figure",
    "tradeoff_figure",
]
