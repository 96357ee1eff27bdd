"""Parameters of the interface whose substance is still to come: refused by name, never ignored."""

from typing import Any


def refuse(stage: str, **values: Any) -> None:
    """Raise `NotImplementedError` naming the first parameter that is set (to anything but None)."""
    for name, value in values.items():
        if value is not None:
            raise NotImplementedError(f"{stage}: the parameter {name} is not available yet; leave it at its default")
