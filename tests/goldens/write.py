"""
Write the golden streams of the current stream format.

    python tests/goldens/write.py

Refuses to touch a stream that is there: a format is a promise for ever.
"""

from __future__ import annotations

import pickle
import sys

from pathlib import Path


HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import golden_models as models  # noqa: E402 - stands beside the tests

from versionpickle._wire.stamp import FORMAT  # noqa: E402 - as above


def main() -> None:
    for name, make in models.MADE.items():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            path = HERE / f"format{FORMAT}-{name}-p{protocol}.pickle"
            if not path.exists():
                path.write_bytes(models.dumps(make(), protocol))


if __name__ == "__main__":
    main()
