"""The hook primitive: nothing where nothing is asked for, exactly the edit where one is, gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kedit.errors import KeditError
from kedit.lm.hooks import residual_hook

IDS = torch.tensor([[5, 17, 80, 33, 9], [7, 7, 21, 90, 64]])
EDITED = 2


def logits(lm: Any) -> Tensor:
    with torch.no_grad():
        return lm.model(input_ids=IDS).logits


def states(lm: Any, edit: Callable[[Tensor], Tensor | None] = lambda hidden: None) -> list[Tensor]:
    """The residual stream after every block while `edit` works at block EDITED."""
    seen: list[Tensor] = []
    handles = []
    with residual_hook(lm.blocks[EDITED], edit):
        for block in lm.blocks:
            with_output = lambda _m, _i, out: seen.append((out[0] if isinstance(out, tuple) else out).clone())  # noqa: E731
            handles.append(block.register_forward_hook(with_output))
        try:
            logits(lm)
        finally:
            for handle in handles:
                handle.remove()
    return seen


@pytest.mark.parametrize("edit", [lambda hidden: None, lambda hidden: hidden, torch.clone], ids=["none", "same", "clone"])
def test_an_identity_leaves_the_logits_bit_for_bit(lm: Any, edit: Callable[[Tensor], Tensor | None]) -> None:
    base = logits(lm)
    for block in lm.blocks:
        with residual_hook(block, edit):
            assert torch.equal(logits(lm), base)
    assert torch.equal(logits(lm), base)


def test_below_nothing_moves_at_the_block_exactly_the_shift_above_something(lm: Any) -> None:
    shift = torch.randn(lm.d_model, generator=torch.Generator().manual_seed(1))
    base, edited = states(lm), states(lm, lambda hidden: hidden + shift)
    for layer in range(EDITED):
        assert torch.equal(edited[layer], base[layer])
    assert torch.equal(edited[EDITED], base[EDITED] + shift)
    assert not torch.equal(edited[EDITED + 1], base[EDITED + 1])


def test_an_edit_at_one_position_does_not_reach_earlier_ones(lm: Any) -> None:
    here = torch.zeros(IDS.shape[1], 1)
    here[3] = 1.0
    base = logits(lm)
    with residual_hook(lm.blocks[EDITED], lambda hidden: hidden + here * torch.arange(lm.d_model)):
        edited = logits(lm)
    assert torch.equal(edited[:, :3], base[:, :3])
    assert not torch.equal(edited[:, 3:], base[:, 3:])


def test_an_exception_leaves_no_hook_behind(lm: Any) -> None:
    def fail(_hidden: Tensor) -> Tensor:
        raise RuntimeError("in the edit")

    with pytest.raises(RuntimeError, match="in the edit"), residual_hook(lm.blocks[0], fail):
        logits(lm)
    with pytest.raises(ValueError, match="in the body"), residual_hook(lm.blocks[0], torch.zeros_like):
        raise ValueError("in the body")
    assert all(not block._forward_hooks for block in lm.blocks)


def test_tuple_and_tensor_outputs_are_treated_alike() -> None:
    class Block(nn.Module):
        def __init__(self, as_tuple: bool) -> None:
            super().__init__()
            self.as_tuple = as_tuple

        def forward(self, x: Tensor) -> Any:
            return (x * 2, "weights") if self.as_tuple else x * 2

    x = torch.randn(3, 2, 4)
    for as_tuple in (False, True):
        block, shapes = Block(as_tuple), list[torch.Size]()

        def add_one(hidden: Tensor, shapes: list[torch.Size] = shapes) -> Tensor:
            shapes.append(hidden.shape)
            return hidden + 1

        with residual_hook(block, add_one):
            output = block(x)
        assert shapes == [x.shape]  # and not that of x[0], the trap of output[0] on a bare tensor
        assert torch.equal(output[0] if as_tuple else output, x * 2 + 1)
        if as_tuple:
            assert output[1] == "weights"


def test_nested_hooks_see_each_other_in_order(lm: Any) -> None:
    seen: list[Tensor] = []
    with residual_hook(lm.blocks[1], torch.zeros_like), residual_hook(lm.blocks[1], seen.append):
        logits(lm)
    assert not seen[0].any()


@pytest.mark.parametrize("edit", [lambda hidden: hidden[:, :1], lambda hidden: hidden.double()], ids=["shape", "dtype"])
def test_an_edit_of_another_form_is_refused(random_lm: Callable[..., Any], edit: Callable[[Tensor], Tensor]) -> None:
    lm = random_lm()
    with pytest.raises(KeditError, match="An edit turned"), residual_hook(lm.blocks[0], edit):
        logits(lm)


def test_a_block_without_a_tensor_is_refused_with_advice() -> None:
    class Odd(nn.Module):
        def forward(self) -> dict[str, int]:
            return {}

    odd = Odd()
    with pytest.raises(KeditError, match=r"returned dict[\s\S]*blocks="), residual_hook(odd, lambda hidden: None):
        odd()
