"""Pages that follow from others when the site is built: the list of decisions."""

from pathlib import Path
from typing import Any

_LIST = "<!-- list of decisions -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what a page leaves to its neighbours."""
    if _LIST not in markdown:
        return markdown
    folder = Path(page.file.abs_src_path).parent
    return markdown.replace(_LIST, "\n".join(_line(path) for path in sorted(folder.glob("[0-9]*.md"))))


def _line(path: Path) -> str:
    title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    number, _, name = title.partition(" ")
    return f"* {number}: [{name}]({path.name})"
