"""kedit: an ontology's relations bound to slots of a language model, edited by recipes and verified.

Names are imported on first use, so that `import kedit` and the command line's help never load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kedit.config import AlignConfig as AlignConfig
    from kedit.lm.activations import Activations as Activations
    from kedit.lm.activations import load_activations as load_activations
    from kedit.lm.model import LanguageModel as LanguageModel
    from kedit.ontology import load_ontology as load_ontology
    from kedit.pipeline import align as align
    from kedit.pipeline import load_run as load_run

__version__ = "0.1.0"

_HOMES = {
    "Activations": "kedit.lm.activations",
    "AlignConfig": "kedit.config",
    "LanguageModel": "kedit.lm.model",
    "align": "kedit.pipeline",
    "load_activations": "kedit.lm.activations",
    "load_ontology": "kedit.ontology",
    "load_run": "kedit.pipeline",
}
__all__ = [
    "Activations",
    "AlignConfig",
    "LanguageModel",
    "__version__",
    "align",
    "load_activations",
    "load_ontology",
    "load_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
