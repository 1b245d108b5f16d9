"""The dictionary at inference: F free JumpReLU latents, then K slots with linear reads and write rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class FreeBank(NamedTuple):
    """Unlabelled latents on raw activations: W_enc [d, F], b_enc [F], W_dec [F, d] (unit rows), b_dec [d], threshold [F]."""

    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    threshold: Tensor

    def preact(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch F"]:
        """pre = (x - b_dec) W_enc + b_enc."""
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    def encode(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch F"]:
        """z = relu(pre) * [pre > threshold]."""
        return jumprelu(self.preact(x), self.threshold)

    def decode(self, z: Float[Tensor, "*batch F"]) -> Float[Tensor, "*batch d"]:
        """x_hat = z W_dec + b_dec."""
        return z @ self.W_dec + self.b_dec


def jumprelu(pre: Float[Tensor, "*batch m"], threshold: Float[Tensor, " m"]) -> Float[Tensor, "*batch m"]:
    """relu(pre) * [pre > threshold], elementwise (Rajamanoharan et al., arXiv 2407.14435)."""
    return pre.relu() * (pre > threshold).to(pre.dtype)


@dataclass(frozen=True, eq=False)
class AlignedSAE:
    """A sparse autoencoder whose last K latents are slots, one per concept; m = F + K.

    W_enc [d, m], b_enc [m], W_dec [m, d], b_dec [d], threshold [m]. Slot reads u are linear and calibrated: off-mean 0,
    on-mean 1. The slots' columns W of W_enc and rows D of W_dec satisfy D W = I, so that an edited state reads as the edit says,
    unless metadata says `read_back: false` (preset `paper`). answer_rows A [K, T, d], if there are any: an edit holds through
    the answer, (u' - u) A is added at its first `answer_tokens` own tokens (one row each, the last also to what follows).
    ValueError if the shapes do not fit together.
    """

    layer: int
    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    threshold: Tensor
    n_slots: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    answer_rows: Tensor | None = None

    def __post_init__(self) -> None:
        if self.W_enc.dim() != 2:
            raise ValueError(f"W_enc has shape {tuple(self.W_enc.shape)}; it should be [d, m]")
        d, m = self.W_enc.shape
        expected = {"b_enc": (m,), "W_dec": (m, d), "b_dec": (d,), "threshold": (m,)}
        for name, shape in expected.items():
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(
                    f"{name} has shape {tuple(getattr(self, name).shape)}; with W_enc {d} x {m} it should be {shape}"
                )
        if not 0 <= self.n_slots <= m:
            raise ValueError(f"{self.n_slots} slots do not fit into {m} latents")
        if self.answer_rows is not None and (self.answer_rows.dim() != 3 or self.answer_rows.shape[::2] != (self.n_slots, d)):
            raise ValueError(f"answer_rows has shape {tuple(self.answer_rows.shape)}; it should be [{self.n_slots}, T, {d}]")

    @classmethod
    def with_slots(
        cls,
        layer: int,
        bank: FreeBank,
        W: Tensor,
        b: Tensor,
        D: Tensor,
        threshold: Tensor,
        metadata: Mapping[str, Any] | None = None,
        answer_rows: Tensor | None = None,
    ) -> AlignedSAE:
        """Append K slots to a free bank: reads u = x W + b of the *raw* state, write rows D.

        The bank's b_dec, which `preact` subtracts from every input, is folded into the slots' b_enc.
        """
        b_enc = (b.double() + bank.b_dec.double() @ W.double()).to(bank.b_enc.dtype)
        return cls(
            layer=layer,
            W_enc=torch.cat([bank.W_enc, W.to(bank.W_enc.dtype)], 1),
            b_enc=torch.cat([bank.b_enc, b_enc]),
            W_dec=torch.cat([bank.W_dec, D.to(bank.W_dec.dtype)]),
            b_dec=bank.b_dec,
            threshold=torch.cat([bank.threshold, threshold.to(bank.threshold.dtype)]),
            n_slots=W.shape[1],
            metadata=dict(metadata or {}),
            answer_rows=answer_rows,
        )

    @property
    def d(self) -> int:
        """Width of the residual stream."""
        return self.W_enc.shape[0]

    @property
    def m(self) -> int:
        """Latents, slots included."""
        return self.W_enc.shape[1]

    @property
    def n_free(self) -> int:
        """Free latents F; slot i is latent F + i."""
        return self.m - self.n_slots

    @property
    def hook_point(self) -> str:
        """Where the states come from: the output of block `layer`."""
        return f"blocks.{self.layer}.hook_resid_post"

    @property
    def free(self) -> FreeBank:
        """The free latents alone (views, not copies)."""
        F = self.n_free
        return FreeBank(self.W_enc[:, :F], self.b_enc[:F], self.W_dec[:F], self.b_dec, self.threshold[:F])

    @property
    def read_columns(self) -> Tensor:
        """W [d, K]: the slots' columns of the encoder."""
        return self.W_enc[:, self.n_free :]

    @property
    def write_rows(self) -> Tensor:
        """D [K, d]: the slots' rows of the decoder."""
        return self.W_dec[self.n_free :]

    @property
    def answer_tokens(self) -> int:
        """At how many of an answer's own tokens an edit holds: as many as it was trained at."""
        return int(self.metadata.get("answer_tokens", 0)) if self.answer_rows is not None else 0

    @property
    def slot_threshold(self) -> Tensor:
        """[K]: the reads above which slots are on."""
        return self.threshold[self.n_free :]

    def preact(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch m"]:
        """pre = (x - b_dec) W_enc + b_enc, of all latents."""
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    def encode(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch m"]:
        """z = relu(pre) * [pre > threshold], of all latents."""
        return jumprelu(self.preact(x), self.threshold)

    def decode(self, z: Float[Tensor, "*batch m"]) -> Float[Tensor, "*batch d"]:
        """x_hat = z W_dec + b_dec, of all latents."""
        return z @ self.W_dec + self.b_dec

    def slot_values(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch K"]:
        """The calibrated linear reads u = (x - b_dec) W + b_enc of the slots alone."""
        return (x - self.b_dec) @ self.read_columns + self.b_enc[self.n_free :]

    def slot_active(self, x: Float[Tensor, "*batch d"]) -> Bool[Tensor, "*batch K"]:
        """Which slots are on: u > threshold."""
        return self.slot_values(x) > self.slot_threshold

    def delta(self, u_from: Float[Tensor, "*batch K"], u_to: Float[Tensor, "*batch K"]) -> Float[Tensor, "*batch d"]:
        """What to add to a state so that its reads go from u to u': (u' - u) D; exact zeros if u' = u."""
        return (u_to - u_from) @ self.write_rows
