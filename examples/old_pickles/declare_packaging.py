"""packaging: a `Version` had a ``__dict__`` with a helper object and a cache; now it has slots."""

import packaging._structures

from packaging.version import Version

from versionpickle import adopt, allow, migration, retire


allow("packaging.version:_Version")  # the helper, a named tuple
for name in ("InfinityType", "NegativeInfinityType"):  # they stand in the cache alone
    admit = allow if hasattr(packaging._structures, name) else retire  # gone since 26.1
    admit(f"packaging._structures:{name}")
adopt(Version, version=2)


@migration(Version, 1)
def flatten(state):
    parts = state["_version"]
    return None, {f"_{name}": getattr(parts, name) for name in parts._fields} | {
        "_key_cache": None
    }
