"""Which sub-columns subjects, their lengths and their events have."""

from dataclasses import dataclass

from synth_engine.tabular.layout import Layout


@dataclass(frozen=True)
class ListLayout:
    """Layout of a context column of lists.

    Args:
        elements: Of each element.
        longest: The most elements of a list.
    """

    elements: Layout
    longest: int


@dataclass(frozen=True)
class SequenceLayout:
    """Layouts of all codes of a subject.

    Args:
        context: Of the columns that it is given by; none where nothing is known of subjects but their events.
        length: Of the number of its events; none where every subject has exactly one.
        events: Of each event.
        longest: The most events of a subject.
        lists: Of the context columns that hold lists.
    """

    context: Layout
    length: Layout
    events: Layout
    longest: int
    lists: tuple[ListLayout, ...] = ()

    @property
    def is_sequential(self) -> bool:
        """Whether subjects may have other numbers of events than one."""
        return bool(self.length.columns)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be drawn of subjects but that they exist."""
        return not (self.is_sequential or self.events.columns)
