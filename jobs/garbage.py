"""When Python looks for cycles of objects, in processes that make many objects and no cycles."""

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 50, 1_000)
"""A book's orders are many and a batch of facts is, too. With Python's own thresholds (700, 10, 10)
the search took a twelfth of the admission job's time and a third of the projection's.
"""


def search_rarely() -> None:
    """Look for cycles seldom, and never among what there is already."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
