"""What sensors remember from tick to tick, as the text that Dagster keeps for them.

Belongs here: writing and reading it. Does not belong here: what it means (`arrivals`, `inbox`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from synth_pipeline.automation.arrivals import Memory

# Of 10,000 datasets, so names of fields would be most of the text.
_Row = tuple[str, str, str, str, str, str, Annotated[int, "requests"]]


class ArrivalsCursor(BaseModel):
    """Memory of the sensor `arrivals`.

    Args:
        version: Of this format.
        datasets: By dataset, the fields of its `Memory`.
        inbox: Identity of files in the inbox that are no datasets yet, by name.
        told: Tokens of reports that were made and still hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    datasets: dict[str, _Row] = {}
    inbox: dict[str, str] = {}
    told: list[str] = []

    @classmethod
    def of(cls, memories: dict[str, Memory], inbox: dict[str, str], told: list[str]) -> "ArrivalsCursor":
        """Put together."""
        rows = {
            name: (each.seen, each.settled, each.found, each.content, each.settings, each.twin, each.requests)
            for name, each in memories.items()
        }
        return cls(datasets=rows, inbox=inbox, told=told)

    @classmethod
    def read(cls, text: str | None) -> "ArrivalsCursor | None":
        """Of the text that Dagster kept; None where there is none, or one of another version or damaged."""
        try:
            return cls.model_validate_json(text or "")
        except ValidationError:
            return None

    def memories(self) -> dict[str, Memory]:
        """By dataset."""
        return {name: Memory(*row) for name, row in self.datasets.items()}

    def text(self) -> str:
        """For Dagster to keep."""
        return self.model_dump_json()
