"""Sweeps: what is done with all pickles of a place, and what came of it."""

from versionpickle.stores._records import Damage, Parked

from ._copying import Copied
from ._judging import Class
from ._migration import Migration
from ._survey import Survey
from ._verification import Verification


__all__ = ["Class", "Copied", "Damage", "Migration", "Parked", "Survey", "Verification"]
