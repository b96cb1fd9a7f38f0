"""A way for tests to run a module again as a new process would."""

from __future__ import annotations

from versionpickle.migrations import default_registry


def forget(module):
    """Let the default registry know nothing of the classes of a module, and of their steps."""
    declared = default_registry._names.declared
    for name in [key for key, declaration in declared.items() if module in declaration.ref]:
        del declared[name]
    for ref in {step.ref for step in default_registry.steps() if module in step.ref}:
        default_registry.forget_steps(ref)
    default_registry._graph._used.clear()
    default_registry._forget_stamps()
