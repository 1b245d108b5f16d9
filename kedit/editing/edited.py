"""The edited model: a transformers model's own interface, with a recipe at work in the calls made through it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from kedit.curriculum.carriers import Carrier
from kedit.editing.firing import Answer
from kedit.editing.operators import fired_delta, gate, strength_of
from kedit.editing.resolving import ResolvedRecipe
from kedit.editing.scope import scope_of
from kedit.errors import KeditError
from kedit.lm.hooks import residual_hook
from kedit.lm.model import LanguageModel
from kedit.ontology.model import Ontology
from kedit.sae.dictionary import AlignedSAE


@contextmanager
def edited(
    lm: LanguageModel,
    sae: AlignedSAE,
    resolved: ResolvedRecipe,
    ontology: Ontology,
    *,
    carriers: Iterable[Carrier] = (),
) -> Iterator[EditedModel]:
    """The model under a recipe, for the length of the `with` block.

    Only calls made through the handle are edited: inside the block `lm.model` itself, and other edited models over it,
    answer as ever. Leaving the block, also by an exception, takes the hooks off; weights are never touched. The handle
    is dead afterwards and says so. A recipe without edits is the base model, bit for bit. `carriers` are the run's, so
    that scopes can tell a prompt's own words from its subject.
    """
    handle = EditedModel(lm, sae, resolved, ontology, carriers)
    watch = lm.model.register_forward_pre_hook(handle._before_forward, with_kwargs=True)
    try:
        with residual_hook(lm.blocks[sae.layer], handle._edit):
            yield handle
    finally:
        watch.remove()
        handle._open = False


class _Calls(threading.local):
    """What the current thread is doing: the answers of a `generate`, and the forward pass under way."""

    depth = 0
    answer: Answer | None = None
    forward: tuple[Answer, int] | None = None
    cache: Any = None
    fired: Tensor | None = None


class EditedModel:
    """A thin handle with the interface of `lm.model`; other attributes are the model's own.

    An edit with `steps: prompt` fires at the last real token of a prompt. `generate` knows where its prompt ends, with or
    without a cache and in chunks. A bare call is a prompt if the cache is empty or several tokens are new; a single token
    on a filled cache continues the answer that this handle began on that cache.
    """

    def __init__(
        self, lm: LanguageModel, sae: AlignedSAE, resolved: ResolvedRecipe, ontology: Ontology, carriers: Iterable[Carrier]
    ) -> None:
        self.recipe = resolved
        self._lm = lm
        self._open = True
        # swap(r, r) is the empty edit: adding a zero would still turn -0.0 into 0.0.
        self._edits = tuple(edit for edit in resolved.edits if not edit.is_empty)
        carriers = tuple(carriers)
        self._scopes = tuple(scope_of(edit, ontology, carriers) for edit in self._edits)
        self._strengths = tuple(strength_of(edit, sae.metadata) for edit in self._edits)
        self._sae = sae
        self._signature = inspect.signature(lm.model.forward)
        self._calls = _Calls()
        self._memory: WeakKeyDictionary[Any, Answer] = WeakKeyDictionary()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One edited forward pass, with the model's own arguments and output."""
        with self._calling(None):
            output = self._lm.model(*args, **kwargs)
            forward, cache = self._calls.forward, getattr(output, "past_key_values", None)
            if forward is not None:
                self._calls.fired = forward[0].fired
                if cache is not None:
                    self._memory[cache] = forward[0]
            return output

    forward = __call__

    def generate(self, inputs: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        """`generate` of the model, edited; every option of it but classifier-free guidance."""
        if not self._edits:
            with self._calling(None):
                return self._lm.model.generate(inputs, *args, **kwargs)
        config = args[0] if args else kwargs.get("generation_config")
        guidance = kwargs.get("guidance_scale", getattr(config, "guidance_scale", None))
        if guidance not in (None, 1, 1.0):
            raise KeditError("Classifier-free guidance runs a second prompt that an edit cannot tell from the first.")
        ids = inputs if inputs is not None else kwargs.get("input_ids")
        if ids is not None and kwargs.get("attention_mask") is None:
            kwargs["attention_mask"] = self._inferred_mask(ids, config, kwargs)
        # A compiled forward pass would be traced once, and edits depend on the call.
        kwargs.setdefault("disable_compile", True)
        answer = self._begin(ids, kwargs)
        with self._calling(answer):
            try:
                return self._lm.model.generate(inputs, *args, **kwargs)
            finally:
                self._calls.fired = answer.fired

    @property
    def fired(self) -> dict[str, tuple[bool, ...]]:
        """Edit id -> for every row of this thread's last call, whether the edit fired (in any of its beams)."""
        fired = self._calls.fired
        columns = fired.T.tolist() if fired is not None else [[] for _ in self._edits]
        table = dict.fromkeys((edit.id for edit in self.recipe.edits), tuple(False for _ in columns[0]) if columns else ())
        return table | {edit.id: tuple(column) for edit, column in zip(self._edits, columns, strict=True)}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_lm" not in self.__dict__:
            raise AttributeError(name)
        model = self._lm.model
        value = getattr(model, name)
        if not inspect.ismethod(value) or value.__self__ is not model:
            return value

        def method(*args: Any, **kwargs: Any) -> Any:
            # `eval()` and `to()` return the model; handing that out would drop the edit without a word.
            result = value(*args, **kwargs)
            return self if result is model else result

        return method

    def __repr__(self) -> str:
        edits = ", ".join(edit.id for edit in self.recipe.edits) or "no edit"
        return f"EditedModel({self.recipe.name}: {edits}; {self._lm.name})"

    @contextmanager
    def _calling(self, answer: Answer | None) -> Iterator[None]:
        """Marks the current thread's calls of the model as ours."""
        if not self._open:
            raise KeditError("This edited model's `with` block has ended.", advice="Use it inside the block.")
        calls = self._calls
        before = (calls.depth, calls.answer, calls.forward, calls.cache)
        calls.depth, calls.answer, calls.forward, calls.cache = calls.depth + 1, answer, None, None
        try:
            yield
        finally:
            if calls.cache is not None:
                del calls.cache.reorder_cache
            calls.depth, calls.answer, calls.forward, calls.cache = before

    def _before_forward(self, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Learn, before a forward pass of ours, which columns of which answers it covers."""
        calls = self._calls
        if not calls.depth or not self._edits:
            return
        given = self._arguments(args, kwargs)
        cache = given.get("past_key_values")
        past = int(cache.get_seq_length()) if cache is not None else 0
        answer = calls.answer
        if answer is None:
            answer = self._continued(given, cache, past)
        elif cache is not None and calls.cache is None and any(edit.steps == "asked" for edit in self._edits):
            _follow_beams(cache, answer)
            calls.cache = cache
        calls.forward = (answer, past)

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the model's `forward` by name."""
        given = self._signature.bind_partial(*args, **kwargs).arguments
        others = [name for name, kind in self._signature.parameters.items() if kind.kind is inspect.Parameter.VAR_KEYWORD]
        return {**given, **{key: value for name in others for key, value in given.get(name, {}).items()}}

    def _continued(self, given: dict[str, Any], cache: Any, past: int) -> Answer:
        """The answers that a bare forward pass begins, or goes on with."""
        ids, embeds = given.get("input_ids"), given.get("inputs_embeds")
        tokens = cast(Tensor, ids if ids is not None else embeds)
        if past and tokens.shape[1] == 1:
            known = self._memory.get(cache)
            return known or self._begin(ids, {"attention_mask": torch.zeros(len(tokens), past), "inputs_embeds": embeds})
        return self._begin(ids, given)

    def _begin(self, ids: Tensor | None, given: dict[str, Any]) -> Answer:
        """Answers to a batch of prompts: which tokens are real, and which rows are in whose scope."""
        cache, mask, embeds = given.get("past_key_values"), given.get("attention_mask"), given.get("inputs_embeds")
        past = int(cache.get_seq_length()) if cache is not None else 0
        rows = ids if ids is not None else embeds
        # `generate()` without a prompt starts from one token of its own.
        count, length = (1, 1) if rows is None else rows.shape[:2]
        if mask is None:
            mask = torch.ones(count, past + length)
        if mask.ndim != 2:
            raise KeditError("An edited model needs the attention mask as [batch, length].", advice="Pass the tokenizer's own.")
        mask = mask.bool().cpu()
        if all(scope is None for scope in self._scopes):
            return Answer(mask, torch.ones(len(mask), len(self._edits), dtype=torch.bool))
        if ids is None:
            raise KeditError("A scope by subject reads text: pass input_ids, not embeddings.")
        real = mask[:, -length:]
        texts = [self._lm.decode(row[keep].tolist()) for row, keep in zip(ids.cpu(), real, strict=True)]
        known = self._memory.get(cache) if cache is not None else None
        if known is not None and len(known.texts) == len(texts) and length < mask.shape[1]:
            texts = [earlier + text for earlier, text in zip(known.texts, texts, strict=True)]
        return Answer(mask, self._in_scope(texts), tuple(texts))

    def _in_scope(self, texts: Sequence[str]) -> Tensor:
        """[B, E]: which edits' scopes cover which texts."""
        scopes = tuple(zip(self._edits, self._scopes, strict=True))
        return torch.tensor([[scope is None or scope.covers(text, edit.subjects) for edit, scope in scopes] for text in texts])

    def _inferred_mask(self, ids: Tensor, config: Any, kwargs: dict[str, Any]) -> Tensor:
        """The mask that `generate` would infer from padding, made explicit so that both of us mean the same."""
        configs = [source for source in (config, self._lm.model.generation_config) if source is not None]
        pad = _token(kwargs, configs, "pad_token_id")
        stops = _token(kwargs, configs, "eos_token_id")
        stops = stops if isinstance(stops, list | tuple) else [stops]
        return torch.ones_like(ids) if pad is None or pad in stops else ids.ne(pad).long()

    def _edit(self, hidden: Tensor) -> Tensor | None:
        """The residual stream [b, s, d] with all deltas of this forward pass, or None where nothing fires."""
        if self._calls.forward is None:
            return None
        answer, past = self._calls.forward
        made = self._fire(answer, past, hidden)
        held = answer.held_at(past, hidden.shape[1], self._sae.answer_tokens)
        return made if held is None else (hidden if made is None else made) + held.to(hidden.dtype)

    def _fire(self, answer: Answer, past: int, hidden: Tensor) -> Tensor | None:
        """The residual stream with the deltas of what fires in this forward pass; None where nothing does."""
        eligible = answer.eligible(self._edits, hidden.shape[0], past, hidden.shape[1])
        rows, columns = eligible.any(-1).nonzero(as_tuple=True)
        if not len(rows):
            return None
        sae = self._sae = _on(self._sae, hidden.device)
        x = hidden[rows.to(hidden.device), columns.to(hidden.device)]
        u = sae.slot_values(x.to(sae.W_enc.dtype))
        threshold = sae.slot_threshold
        gates = torch.stack([gate(edit, u, threshold) for edit in self._edits], dim=-1).cpu()
        open_ = torch.zeros_like(eligible)
        open_[rows, columns] = gates & eligible[rows, columns]
        fires = answer.settle(self._edits, open_, past)[rows, columns].to(hidden.device)
        if not fires.any():
            return None
        change = fired_delta(self._edits, self._strengths, u, sae.write_rows, fires).delta
        if sae.answer_rows is not None:
            # Edits that fire at generated tokens need not be held there.
            once = fires & torch.tensor([edit.steps == "prompt" for edit in self._edits], device=fires.device)
            if (at := once.any(-1)).any():
                held = fired_delta(self._edits, self._strengths, u, sae.answer_rows.flatten(1), once).delta
                answer.hold(len(hidden), rows[at.cpu()], held[at].unflatten(1, sae.answer_rows.shape[1:]))
        at = fires.any(-1)
        result = hidden.clone()
        rows, columns = rows.to(hidden.device)[at], columns.to(hidden.device)[at]
        result[rows, columns] = x[at] + change[at].to(hidden.dtype)
        return result


def _token(kwargs: dict[str, Any], configs: list[Any], name: str) -> Any:
    values = (kwargs.get(name), *(getattr(config, name, None) for config in configs))
    return next((value for value in values if value is not None), None)


def _on(sae: AlignedSAE, device: torch.device) -> AlignedSAE:
    """The dictionary on a device; itself if it is there."""
    if sae.W_enc.device == device:
        return sae
    tensors = ["W_enc", "b_enc", "W_dec", "b_dec", "threshold", *(["answer_rows"] if sae.answer_rows is not None else [])]
    return replace(sae, **{name: getattr(sae, name).to(device) for name in tensors})


def _follow_beams(cache: Any, answer: Answer) -> None:
    """Let a beam search's reordering of its cache reorder our memory of which rows have fired, until the call ends."""
    reorder = cache.reorder_cache

    def both(rows: Tensor) -> Any:
        answer.reorder(rows)
        return reorder(rows)

    cache.reorder_cache = both
