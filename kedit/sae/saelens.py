"""Dictionaries on disk, in the layout of SAELens 6, so that they load there without kedit.

A folder holds `sae_weights.safetensors` with W_enc [d, m], b_enc [m], W_dec [m, d], b_dec [d], threshold [m], and `cfg.json` with
`architecture: jumprelu`. SAELens drops keys of cfg.json that it does not know, but keeps all of `metadata`; it refuses tensors
that it does not know. So everything of ours stands under `metadata.kedit`, and slots' rows for answers in a file of their own.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kedit.errors import InputError, Place
from kedit.files import load_tensors, save_tensors, sha256_file, write_json
from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.pretrain import with_threshold

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
ANSWERS = "answer_rows.safetensors"
SCHEMA = "kedit.sae/1"
SAELENS_VERSION = "6.0.0"
"""The version whose layout we write; older or absent, and SAELens would drop our metadata."""
TENSORS = ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")
OWN_KEYS = frozenset({"schema", "layer", "n_slots", "weights_sha256", "answers_sha256"})
SHARED_KEYS = ("model_name", "prepend_bos")
"""Keys of our metadata that SAELens knows too: they are written in its place as well."""


def save_sae(path: Path, sae: AlignedSAE) -> None:
    """Write the dictionary into the folder `path`, made if need be.

    cfg.json goes away first and comes back last, so that a folder with one is whole. ValueError for metadata keys of the format.
    """
    if taken := OWN_KEYS & set(sae.metadata):
        raise ValueError(f"metadata keys {sorted(taken)} belong to the file format")
    path.mkdir(parents=True, exist_ok=True)
    (path / CONFIG).unlink(missing_ok=True)
    save_tensors(path / WEIGHTS, {name: getattr(sae, name).detach().cpu() for name in TENSORS})
    own = {"schema": SCHEMA, "layer": sae.layer, "n_slots": sae.n_slots, "weights_sha256": sha256_file(path / WEIGHTS)}
    (path / ANSWERS).unlink(missing_ok=True)
    if sae.answer_rows is not None:
        save_tensors(path / ANSWERS, {"answer_rows": sae.answer_rows.detach().cpu()})
        own["answers_sha256"] = sha256_file(path / ANSWERS)
    shared = {key: sae.metadata[key] for key in SHARED_KEYS if key in sae.metadata}
    write_json(
        path / CONFIG,
        {
            "architecture": "jumprelu",
            "d_in": sae.d,
            "d_sae": sae.m,
            "dtype": str(sae.W_enc.dtype).removeprefix("torch."),
            "device": "cpu",
            "apply_b_dec_to_input": True,
            "normalize_activations": "none",
            "reshape_activations": "none",
            "metadata": {
                "sae_lens_version": SAELENS_VERSION,
                "sae_lens_training_version": None,
                "hook_name": sae.hook_point,
                **shared,
                "kedit": {**own, **sae.metadata},
            },
        },
    )


def load_sae(path: Path) -> AlignedSAE:
    """Read a dictionary that `save_sae` wrote: equal tensors, bit for bit, and equal metadata (as JSON has it: tuples are lists).

    InputError if files are missing or damaged, or if the dictionary has no slots of ours.
    """
    config = _read_config(path)
    own = (config.get("metadata") or {}).get("kedit")
    if not isinstance(own, dict) or own.get("schema") != SCHEMA:
        raise InputError(
            f"this dictionary has no slots of kedit ({SCHEMA})",
            place=Place(path / CONFIG, key="metadata.kedit"),
            advice="Edits need a dictionary that `kedit align` made.",
        )
    for file, key in ((WEIGHTS, "weights_sha256"), (ANSWERS, "answers_sha256")):
        if (file == WEIGHTS or key in own) and hashlib.sha256(_read_bytes(path, file)).hexdigest() != own.get(key):
            message = f"the weights are not those that {CONFIG} describes"
            raise InputError(message, place=Place(path / file), advice="Align again.")
    tensors = _read_tensors(path)
    answers = load_tensors(path / ANSWERS)["answer_rows"] if "answers_sha256" in own else None
    metadata = {key: value for key, value in own.items() if key not in OWN_KEYS}
    try:
        named = {name: tensors[name] for name in TENSORS}
        return AlignedSAE(layer=own["layer"], n_slots=own["n_slots"], metadata=metadata, answer_rows=answers, **named)
    except (KeyError, ValueError) as error:
        raise InputError(f"not a whole dictionary: {error}", place=Place(path), advice="Align again.") from error


def load_free_bank(path: Path, activations: Float[Tensor, "n d"] | None = None) -> FreeBank:
    """The free latents of a dictionary in SAELens layout, in float32, with unit decoder rows and b_dec subtracted from the input.

    Takes architectures jumprelu, standard and, if `activations` are given to calibrate its threshold on, topk; slots of a
    dictionary of ours are left out. Rescaling a latent (row to unit norm, encoder by the inverse) changes no reconstruction.
    InputError for anything whose codes JumpReLU on raw activations cannot give.
    """
    config = _read_config(path)
    metadata = config.get("metadata") or {}
    if isinstance(metadata.get("kedit"), dict):
        return load_sae(path).free
    architecture = _architecture(config, path)
    tensors = {name: tensor.float() for name, tensor in _read_tensors(path).items()}
    if "log_threshold" in tensors:
        tensors["threshold"] = tensors.pop("log_threshold").exp()
    tensors.setdefault("threshold", torch.zeros_like(tensors["b_enc"]) if "b_enc" in tensors else torch.zeros(0))
    missing = [name for name in TENSORS if name not in tensors]
    if missing:
        raise InputError(f"tensors are missing: {', '.join(missing)}", place=Place(path / WEIGHTS))
    bank = FreeBank(*(tensors[name] for name in TENSORS))
    if not config.get("apply_b_dec_to_input", True):
        bank = bank._replace(b_enc=bank.b_enc + bank.b_dec @ bank.W_enc)
    bank = _unit_rows(bank)
    if architecture != "topk":
        return bank
    if activations is None:
        raise InputError(
            "a top-k dictionary has no thresholds, and there are no activations to calibrate them on",
            place=Place(path / CONFIG, key="architecture"),
            advice="Give activations, or a dictionary with architecture jumprelu.",
        )
    return with_threshold(bank, activations, config["k"])


def _architecture(config: dict[str, Any], path: Path) -> str:
    """The dictionary's architecture, if JumpReLU on raw activations can stand for it; also of files older than SAELens 6."""
    architecture: str = config.get("architecture", "standard")
    if config.get("activation_fn_str", config.get("activation_fn")) == "topk":
        architecture = "topk"
        config.setdefault("k", config.get("activation_fn_kwargs", {}).get("k"))
    if architecture not in {"jumprelu", "standard", "topk"} or (architecture == "topk" and not config.get("k")):
        raise InputError(
            f"a dictionary of architecture {architecture!r} cannot be used",
            place=Place(path / CONFIG, key="architecture"),
            advice="Use one of architecture jumprelu, standard or topk (batch-top-k ones are saved as jumprelu).",
        )
    for key, plain in (("normalize_activations", ("none", None, False)), ("reshape_activations", ("none", None))):
        if config.get(key) not in plain:
            raise InputError(
                f"the dictionary expects other than raw activations ({key}: {config[key]})",
                place=Place(path / CONFIG, key=key),
                advice="Fold the normalisation into its weights first (SAELens: fold_activation_norm_scaling_factor).",
            )
    return architecture


def _unit_rows(bank: FreeBank) -> FreeBank:
    """The same reconstruction by decoder rows of norm 1; empty rows stay."""
    norm = bank.W_dec.norm(dim=1)
    norm = torch.where((norm - 1).abs() < 1e-5, torch.ones_like(norm), norm)
    norm = torch.where(norm > 1e-8, norm, torch.ones_like(norm))
    return bank._replace(
        W_enc=bank.W_enc * norm, b_enc=bank.b_enc * norm, W_dec=bank.W_dec / norm[:, None], threshold=bank.threshold * norm
    )


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            "there is no whole dictionary here",
            place=Place(file),
            advice=f"A dictionary is a folder with {CONFIG} and {WEIGHTS}.",
        ) from error
    except ValueError as error:
        raise InputError(f"not JSON: {error}", place=Place(file)) from error
    if not isinstance(config, dict):
        raise InputError("not a JSON object", place=Place(file))
    return config


def _read_bytes(path: Path, file: str) -> bytes:
    try:
        return (path / file).read_bytes()
    except FileNotFoundError as error:
        raise InputError("the weights are missing", place=Place(path / file)) from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError

    try:
        return load_tensors(path / WEIGHTS)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"the weights cannot be read: {error}", place=Place(path / WEIGHTS)) from error
