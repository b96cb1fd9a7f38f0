"""Read pickles from anyone, within limits."""
