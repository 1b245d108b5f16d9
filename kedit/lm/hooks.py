"""The one hook primitive: read or replace the residual stream after a block.

Capture, the self-test, continuation and editing all go through `residual_hook`; nothing else in kedit registers hooks
that change a model's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from kedit.errors import KeditError

Edit = Callable[[Tensor], Tensor | None]


def hidden_of(output: Any) -> Tensor:
    """The residual stream [b, s, d] in a block's output, be it a bare tensor or the first of a tuple."""
    # A bare tensor must not be indexed: output[0] would silently be the first element of the batch.
    hidden = output[0] if isinstance(output, tuple) else output
    if not isinstance(hidden, Tensor):
        raise KeditError(
            f"A block returned {type(output).__name__}, where kedit expects a tensor or a tuple that begins with one.",
            advice="Name the list of transformer blocks by hand: blocks='path.to.layers'.",
        )
    return hidden


@contextmanager
def residual_hook(block: nn.Module, edit: Edit) -> Iterator[None]:
    """Call `edit` on the output [b, s, d] of `block` in every forward pass inside the `with` block.

    `edit` returns None to leave the output as it is, bit for bit, or a tensor of the same shape and dtype that takes its
    place; it must not write into its argument. Other members of a tuple output are passed on untouched. The hook is gone
    when the context is left, also by an exception (raised by `edit`, too). Of nested hooks on one block the inner one
    sees what the outer one made. Raises KeditError if the block's output or the edit's result has another form.
    """

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        hidden = hidden_of(output)
        edited = edit(hidden)
        if edited is None or edited is hidden:
            return None
        if edited.shape != hidden.shape or edited.dtype != hidden.dtype:
            raise KeditError(
                f"An edit turned a residual stream {tuple(hidden.shape)} of {hidden.dtype} "
                f"into {tuple(edited.shape)} of {edited.dtype}."
            )
        return (edited, *output[1:]) if isinstance(output, tuple) else edited

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def input_hook(module: nn.Module, edit: Edit) -> Iterator[None]:
    """Call `edit` on the first positional input of `module` in every forward pass inside the `with` block.

    As `residual_hook`, for what goes into a module: a tensor that is returned takes the input's place, None leaves it.
    """

    def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> Any:
        changed = edit(inputs[0])
        return None if changed is None else (changed, *inputs[1:])

    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()
