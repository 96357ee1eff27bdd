"""What is wrong with the catalogue: problems, each at its place in a file, and the error that carries them.

Belongs here: how a problem is written down. Does not belong here: finding any.
"""

from dataclasses import dataclass

from synth_engine.domain import UserError, without_secrets


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        file: Path or URL of the file.
        text: What was expected, what was found, what to do; begins with the key, where it is about one.
        line: Where in the file, counted from 1; None where there is no such place.
        column: Where in the line, counted from 1; None where the key tells.
    """

    file: str
    text: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """In the form that editors and terminals make links of: ``file:line:column: text``."""
        place = "".join(f":{number}" for number in (self.line, self.column) if number is not None)
        return without_secrets(f"{self.file}{place}: {self.text}")


class CatalogError(UserError):
    """A dataset's YAML file is missing, or says something that it cannot say. One line per problem.

    Args:
        problems: What is wrong, at least one; texts where it is not about a place in a file.
    """

    def __init__(self, *problems: Problem | str) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
