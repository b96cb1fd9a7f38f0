"""pint: the function that made a quantity is gone, and units are stored in another way."""

import pint

from pint.util import UnitsContainer

from versionpickle import adopt, alias, allow, migration


alias("pint:_build_quantity", pint.Quantity)
allow("pint.util:udict", "pint:_unpickle_quantity", "pint.facets.plain.quantity:PlainQuantity")
adopt(UnitsContainer, version=2)


@migration(UnitsContainer, 1)
def as_stored_today(state):
    return state["_d"], 1, float
