"""Fixtures of the tests of the training loop."""

from tests.nn.threads import one_thread

__all__ = ["one_thread"]
