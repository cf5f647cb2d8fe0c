"""EP for torch modules: a small world of its own on torch."""
