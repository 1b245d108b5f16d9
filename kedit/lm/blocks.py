"""Where a model keeps its transformer blocks: found by structure, not by a list of model names."""

from __future__ import annotations

from typing import Any

from torch import nn

from kedit.errors import InputError, did_you_mean


def find_blocks(model: nn.Module, path: str | None = None) -> tuple[str, nn.ModuleList]:
    """The path and the list of the model's residual blocks, in order.

    Found structurally: the one outermost ModuleList, all of one kind, with as many members as the config has layers.
    `path` ("transformer.h") overrides. Raises InputError with the lists there are if none or several fit.
    """
    candidates = _block_lists(model)
    if path is not None:
        if path in candidates:
            return path, candidates[path]
        try:
            module = model.get_submodule(path)
        except AttributeError:
            raise InputError(f"The model has no module {path!r}.", advice=did_you_mean(path, candidates)) from None
        if not isinstance(module, nn.ModuleList) or not len(module):
            raise InputError(f"{path!r} is a {type(module).__name__}, not a list of blocks.", advice=_lists(candidates))
        return path, module
    fitting = dict(candidates)
    if len(fitting) > 1 and (layers := _layers_of_config(model)):
        fitting = {name: blocks for name, blocks in fitting.items() if len(blocks) == layers}
    if len(fitting) != 1:
        found = "Several lists of modules could be" if fitting else "No list of modules looks like"
        raise InputError(
            f"{found} the transformer blocks of this {type(model).__name__}.",
            advice=f"Name it by hand: blocks='path.to.layers'. {_lists(fitting or candidates)}",
        )
    return next(iter(fitting.items()))


def _block_lists(model: nn.Module) -> dict[str, nn.ModuleList]:
    """Outermost lists of like modules; those inside (experts of a mixture, say) are parts of a block."""
    found: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        if not isinstance(module, nn.ModuleList) or not len(module) or not name:
            continue
        if any(name.startswith(f"{outer}.") for outer in found):
            continue
        if len({type(member) for member in module}) == 1:
            found[name] = module
    return found


def _layers_of_config(model: nn.Module) -> int | None:
    config: Any = getattr(model, "config", None)
    if config is not None and hasattr(config, "get_text_config"):
        config = config.get_text_config(decoder=True)
    return getattr(config, "num_hidden_layers", None)


def _lists(candidates: dict[str, nn.ModuleList]) -> str:
    if not candidates:
        return "It holds no torch.nn.ModuleList at all."
    shown = ", ".join(f"{name} ({len(blocks)} x {type(blocks[0]).__name__})" for name, blocks in candidates.items())
    return f"Lists in it: {shown}."
