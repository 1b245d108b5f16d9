"""Fast products end with their context, also after an exception."""

from __future__ import annotations

import pytest
import torch

from kedit.machine import fast_training


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
