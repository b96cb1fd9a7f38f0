"""Sweeps: the reports of what was done with all pickles of a place."""

from .stores._records import Damage, Failure
from .stores._sweeps.classifier import Class
from .stores._sweeps.copying import Copied
from .stores._sweeps.migration import Migration
from .stores._sweeps.survey import Survey
from .stores._sweeps.verification import Verification


__all__ = ["Class", "Copied", "Damage", "Failure", "Migration", "Survey", "Verification"]
