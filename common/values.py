"""Parameters that hold one value or several."""

from typing import Any


def as_list(value: Any) -> list:
    """A list as it is; any other value as a list of one."""
    return value if isinstance(value, list) else [value]
