"""The machine that runs the opcodes of a pickle."""
