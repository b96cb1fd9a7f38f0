"""Pickles that nobody's pickler wrote."""
