"""Importing this is a side effect."""

from hostile import models


models.SPRUNG.append("imported")
