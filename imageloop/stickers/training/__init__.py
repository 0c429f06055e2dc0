"""Training of the built-in models, from nothing: `python -m imageloop.stickers.train`."""
