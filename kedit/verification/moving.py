"""Decision states moved by a vector or a competitor, without a gate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kedit.curriculum.splits import unit_hash
from kedit.sae.competitors import held
from kedit.verification.setting import Setting


def moved(
    setting: Setting,
    name: str,
    x: Tensor,
    source: Tensor,
    target: Tensor,
    strength: Tensor,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Tensor:
    """States x [n, d] after a vector or a competitor; `source`, `target` [n] are slot indices, of relations.

    `names` [n] choose the donors of an interchange, by hash (default: by place).
    """
    source, target = _places(setting, source), _places(setting, target)
    if name in setting.vectors:
        vectors = setting.vectors[name].float()
        scale = strength[:, None]
        to, off = vectors[target], vectors[source]
        return x + (scale * to - off if name == "trained_vector" else scale * (to - off))
    return setting.competitors[name].apply(x, source, target, strength, _donors(setting, target, seed, names))


def moved_answers(setting: Setting, name: str, source: Tensor, target: Tensor, strength: Tensor) -> Tensor | None:
    """What a vector or competitor adds at the answers' own tokens [n, T, d], where it was trained to; arguments as of `moved`."""
    own: Tensor | None = getattr(setting.competitors.get(name), "answers", None)
    answers = setting.vectors.get(f"{name}.answers", own)
    return None if answers is None else held(answers, _places(setting, source), _places(setting, target), strength)


def _places(setting: Setting, slots: Tensor) -> Tensor:
    """Positions [n] among relation slots of slot indices [n]."""
    place = torch.full((len(setting.slots),), -1)
    place[setting.relation_slots] = torch.arange(len(setting.relations))
    return place[slots]


def _donors(setting: Setting, target: Tensor, seed: int, names: Sequence[str] | None) -> Tensor | None:
    """Natural states [n, d] of other subjects asked for each target, chosen by hash."""
    if not setting.donors:
        return None
    rows = []
    for i, relation in enumerate(target.tolist()):
        pool = setting.donors[setting.relations[relation]]
        rows.append(pool[int(unit_hash("donor", seed, names[i] if names else i, relation) * len(pool))])
    return torch.stack(rows)
