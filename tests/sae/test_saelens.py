"""Dictionaries on disk: equal bits back, located errors, and SAELens itself reads them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kedit import files
from kedit.errors import InputError
from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.saelens import load_free_bank, load_sae, save_sae

d, F, K = 6, 10, 2
NAMES = ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")
METADATA = {"model_name": "tiny", "strength": 1.25, "slots": [{"iri": "http://example.org/capital", "label": "capitale é"}]}


def make(seed: int = 0) -> AlignedSAE:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    rows = random(F, d)
    bank = FreeBank(random(d, F), random(F), rows / rows.norm(dim=1, keepdim=True), random(d), torch.full((F,), 0.3))
    W = random(d, K)
    return AlignedSAE.with_slots(5, bank, W, random(K), torch.linalg.pinv(W), torch.tensor([0.5, torch.inf]), METADATA)


x = torch.randn(7, d, generator=torch.Generator().manual_seed(1))


def test_what_is_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    sae = make()
    save_sae(tmp_path / "a" / "b", sae)
    back = load_sae(tmp_path / "a" / "b")
    assert (back.layer, back.n_slots, back.metadata) == (5, K, METADATA)
    assert all(torch.equal(getattr(back, name), getattr(sae, name)) for name in NAMES)


def test_rows_for_answers_are_a_file_of_their_own_and_come_back(tmp_path: Path) -> None:
    held = replace(
        make(), answer_rows=torch.randn(K, 2, d, generator=torch.Generator().manual_seed(3)), metadata={"answer_tokens": 4}
    )
    save_sae(tmp_path, held)
    back = load_sae(tmp_path)
    assert torch.equal(back.answer_rows, held.answer_rows)
    assert back.answer_tokens == 4
    assert set(files.load_tensors(tmp_path / "sae_weights.safetensors")) == set(NAMES)
    (tmp_path / "answer_rows.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="not those"):
        load_sae(tmp_path)
    save_sae(tmp_path, make())
    assert not (tmp_path / "answer_rows.safetensors").exists()
    assert load_sae(tmp_path).answer_rows is None


def test_saving_again_gives_the_same_bytes_and_another_dictionary_takes_its_place(tmp_path: Path) -> None:
    save_sae(tmp_path, make())
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    save_sae(tmp_path, load_sae(tmp_path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert set(before) == {"cfg.json", "sae_weights.safetensors"}
    save_sae(tmp_path, make(seed=2))
    assert torch.equal(load_sae(tmp_path).W_enc, make(seed=2).W_enc)


def test_the_configuration_is_that_of_saelens_6(tmp_path: Path) -> None:
    save_sae(tmp_path, make())
    config = json.loads((tmp_path / "cfg.json").read_text())
    metadata = config.pop("metadata")
    assert config == {
        "architecture": "jumprelu",
        "d_in": d,
        "d_sae": F + K,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
    }
    assert int(metadata["sae_lens_version"].split(".")[0]) >= 6
    assert (metadata["hook_name"], metadata["model_name"]) == ("blocks.5.hook_resid_post", "tiny")
    assert set(files.load_tensors(tmp_path / "sae_weights.safetensors")) == set(NAMES)


def test_a_save_that_was_cut_off_leaves_no_dictionary_that_would_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_sae(tmp_path, make())

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kedit.sae.saelens.write_json", fail)
    with pytest.raises(KeyboardInterrupt):
        save_sae(tmp_path, make(seed=2))
    with pytest.raises(InputError, match="no whole dictionary"):
        load_sae(tmp_path)


def test_keys_of_the_format_cannot_be_metadata(tmp_path: Path) -> None:
    sae = AlignedSAE(0, *(getattr(make(), name) for name in NAMES), n_slots=K, metadata={"layer": 3})
    with pytest.raises(ValueError, match="layer"):
        save_sae(tmp_path, sae)


def _edit(path: Path, **changes: Any) -> None:
    config = json.loads((path / "cfg.json").read_text())
    (path / "cfg.json").write_text(json.dumps({**config, **changes}))


def _flip_a_byte(path: Path) -> None:
    data = bytearray((path / "sae_weights.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "sae_weights.safetensors").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "cfg.json").unlink(), "no whole dictionary"),
        (lambda path: (path / "cfg.json").write_text("{"), "not JSON"),
        (lambda path: (path / "cfg.json").write_text("[]"), "not a JSON object"),
        (lambda path: (path / "sae_weights.safetensors").unlink(), "weights are missing"),
        (_flip_a_byte, "not those that cfg.json describes"),
        (lambda path: _edit(path, metadata={}), "no slots of kedit"),
        (lambda path: _edit(path, metadata=None), "no slots of kedit"),
    ],
    ids=["no-config", "broken-config", "list-config", "no-weights", "damaged-weights", "foreign", "no-metadata"],
)
def test_damage_is_named_with_its_file(tmp_path: Path, damage: Any, message: str) -> None:
    save_sae(tmp_path, make())
    damage(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load_sae(tmp_path)
    assert caught.value.place is not None
    assert str(tmp_path) in str(caught.value.place)


def publish(path: Path, config: dict[str, Any], **tensors: torch.Tensor) -> None:
    """A dictionary as others publish them."""
    path.mkdir(exist_ok=True)
    files.save_tensors(path / "sae_weights.safetensors", tensors)
    (path / "cfg.json").write_text(json.dumps({"d_in": d, "d_sae": F, "dtype": "float32", **config}))


def weights() -> dict[str, torch.Tensor]:
    free = make().free._asdict()
    return {**free, "W_dec": 3 * free["W_dec"]}  # rows not of unit norm


def test_the_free_latents_of_our_own_dictionary_are_taken_as_they_are(tmp_path: Path) -> None:
    save_sae(tmp_path, make())
    assert all(torch.equal(a, b) for a, b in zip(load_free_bank(tmp_path), make().free, strict=True))


@pytest.mark.parametrize("subtracts", [True, False])
def test_a_published_dictionary_reconstructs_the_same_by_unit_rows(tmp_path: Path, subtracts: bool) -> None:
    w = weights()
    publish(
        tmp_path, {"architecture": "jumprelu", "apply_b_dec_to_input": subtracts, "metadata": {"sae_lens_version": "6.1.0"}}, **w
    )
    pre = (x - w["b_dec"] * subtracts) @ w["W_enc"] + w["b_enc"]
    bank = load_free_bank(tmp_path)
    expected = (pre.relu() * (pre > w["threshold"])) @ w["W_dec"] + w["b_dec"]
    torch.testing.assert_close(bank.decode(bank.encode(x)), expected)
    torch.testing.assert_close(bank.W_dec.norm(dim=1), torch.ones(F))


def test_older_files_without_architecture_are_standard(tmp_path: Path) -> None:
    w = weights()
    del w["threshold"]
    publish(tmp_path, {"activation_fn_str": "relu", "hook_name": "blocks.5.hook_resid_post"}, **w)
    bank = load_free_bank(tmp_path)
    expected = ((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]).relu() @ w["W_dec"] + w["b_dec"]
    torch.testing.assert_close(bank.decode(bank.encode(x)), expected)


def test_a_top_k_dictionary_needs_activations_to_calibrate_on(tmp_path: Path) -> None:
    w = weights()
    del w["threshold"]
    publish(tmp_path, {"architecture": "topk", "k": 2, "metadata": {"sae_lens_version": "6.1.0"}}, **w)
    with pytest.raises(InputError, match="no activations to calibrate"):
        load_free_bank(tmp_path)
    bank = load_free_bank(tmp_path, x)
    assert (bank.encode(x) > 0).sum() / len(x) == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"architecture": "gated"}, "architecture 'gated'"),
        ({"architecture": "jumprelu", "normalize_activations": "layer_norm"}, "normalize_activations: layer_norm"),
        ({"architecture": "jumprelu", "reshape_activations": "hook_z"}, "reshape_activations: hook_z"),
    ],
)
def test_what_jumprelu_on_raw_activations_cannot_give_is_refused(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    publish(tmp_path, config, **weights())
    with pytest.raises(InputError, match=message):
        load_free_bank(tmp_path)


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    w = weights()
    del w["b_dec"]
    publish(tmp_path, {"architecture": "jumprelu"}, **w)
    with pytest.raises(InputError, match="b_dec"):
        load_free_bank(tmp_path)


def test_saelens_loads_it_and_computes_the_same(tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    sae = make()
    save_sae(tmp_path, sae)
    theirs = sae_lens.SAE.load_from_disk(tmp_path)
    with torch.no_grad():
        z = theirs.encode(x)
        assert torch.equal(z, sae.encode(x))
        assert torch.equal(theirs.decode(z), sae.decode(z))
    assert theirs.cfg.metadata.hook_name == "blocks.5.hook_resid_post"
    assert theirs.cfg.metadata.kedit["strength"] == METADATA["strength"]
    theirs.save_model(tmp_path / "resaved")
    assert all(torch.equal(a, b) for a, b in zip(load_free_bank(tmp_path / "resaved"), sae.free, strict=True))
