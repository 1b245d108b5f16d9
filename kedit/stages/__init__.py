"""What the stages of `kedit align` do; `kedit.pipeline` puts them in order. Torch is loaded only by those that compute."""
