"""Training steps of other libraries' dictionaries on equal work, where they are installed: nothing here needs them."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from kedit.bench.dictionary import LR, WARM_UP, Size, activations, fresh
from kedit.bench.floors import timed
from kedit.bench.report import Result
from kedit.machine import fast_training, peak_memory

RIVALS_WARM_UP = 2
NOTE: Final = (
    "SAELens, sparsify: naive is their step, forward, backward and Adam, on the same batches and without their loss for dead"
    " latents, which kedit's step has; they take the k largest of every token, kedit as many of the whole batch;"
    " equal: k latents a token were active"
)
Step = Callable[[Tensor], int]
"""One training step; how many latents were active."""


def rival_steps(size: Size, repeat: int, device: torch.device) -> Iterator[Result]:
    """Kedit's step beside that of every library that is there, in turns."""
    for name, (package, module, make) in MAKERS.items():
        if find_spec(module) is None:
            continue
        try:
            found = version(package)
            # What others print is no part of a document.
            with redirect_stdout(sys.stderr):
                step = make(size, device)
        except (ImportError, PackageNotFoundError):
            # Another package of that name, or one without what it needs.
            continue
        yield _beside(f"dictionary step beside {name} {found}", step, size, repeat, device)


def _beside(name: str, step: Step, size: Size, repeat: int, device: torch.device) -> Result:
    draw, training = activations(size, device), fresh(size, device)
    with fast_training():
        for _ in range(WARM_UP):
            training.step(draw(), LR)
        memory = peak_memory()
        for _ in range(RIVALS_WARM_UP):
            step(draw())
        ours, theirs, equal = [], [], True
        for x in (draw() for _ in range(max(2, repeat))):
            ours.append(timed(partial(training.step, x, LR), device).seconds)
            other = timed(partial(step, x), device)
            theirs.append(other.seconds)
            equal &= other.result == size.k * size.batch
    return Result(name, statistics.median(ours), statistics.median(theirs), None, memory, equal)


def _saelens(size: Size, device: torch.device) -> Step:
    from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.saes.sae import TrainStepInput

    sae = TopKTrainingSAE(TopKTrainingSAEConfig(d_in=size.d, d_sae=size.m, k=size.k, device=str(device)))
    optimizer = torch.optim.Adam(sae.parameters(), lr=LR)

    def step(x: Tensor) -> int:
        given = TrainStepInput(sae_in=x, coefficients={}, dead_neuron_mask=None, n_training_steps=0, is_logging_step=False)
        made = sae.training_forward_pass(given)
        made.loss.backward()
        clip_grad_norm_(sae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return int(made.feature_acts.count_nonzero())

    return step


def _sparsify(size: Size, device: torch.device) -> Step:
    from sparsify import SparseCoder, SparseCoderConfig

    sae = SparseCoder(size.d, SparseCoderConfig(num_latents=size.m, k=size.k), device=device)
    optimizer = torch.optim.Adam(sae.parameters(), lr=LR)

    def step(x: Tensor) -> int:
        sae.set_decoder_norm_to_unit_norm()
        made = sae(x)
        made.fvu.backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        optimizer.zero_grad()
        return int(made.latent_acts.count_nonzero())

    return step


MAKERS: Final[dict[str, tuple[str, str, Callable[[Size, torch.device], Step]]]] = {
    "SAELens": ("sae-lens", "sae_lens", _saelens),
    "sparsify": ("eai-sparsify", "sparsify", _sparsify),
}
"""Name -> distribution, module, maker of a step."""
