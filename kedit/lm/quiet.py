"""Keep transformers from talking over kedit's own messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and only errors from transformers inside the block; as it was before, after it."""
    from transformers import modeling_gguf_pytorch_utils
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    # The GGUF reader draws with tqdm itself, whatever transformers was told.
    gguf_bar = getattr(modeling_gguf_pytorch_utils, "tqdm", None)
    modeling_gguf_pytorch_utils.tqdm = lambda items, **_: items
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if gguf_bar is not None:
            modeling_gguf_pytorch_utils.tqdm = gguf_bar
        if bars:
            logging.enable_progress_bar()
