"""Fixtures of the tests of the fused layers."""

from tests.nn.threads import one_thread

__all__ = ["one_thread"]
