"""Fast products end with their context, also after an exception."""

from __future__ import annotations

import pytest
import torch

from kedit.machine import fast_training, keep_freed_memory


def test_the_setting_is_put_back() -> None:
    before = torch.get_float32_matmul_precision()
    with fast_training():
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(ValueError, match="stop"), fast_training():
        raise ValueError("stop")
    assert torch.get_float32_matmul_precision() == before


def test_products_stay_near() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(64, 64, generator=generator), torch.randn(64, 64, generator=generator)
    with fast_training():
        product = a @ b
    assert (product - a @ b).norm() < 0.01 * (a @ b).norm()


def test_keeping_memory_changes_no_result() -> None:
    x = torch.arange(4_000_000.0)
    before = (x * 2).sum()
    keep_freed_memory()
    assert torch.equal((x * 2).sum(), before)


def test_attention_is_the_same_in_training() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 8, generator=generator) for n in (2, 5, 5))
    attend = torch.nn.functional.scaled_dot_product_attention
    with fast_training():
        plain = attend(q, k, v)
    assert (plain - attend(q, k, v)).abs().max() < 0.02
