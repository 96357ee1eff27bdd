"""What of pages follows from elsewhere when the site is built: the lists of decisions and of licences."""

from pathlib import Path
from typing import Any

import _licences

_LIST = "<!-- list of decisions -->"
_LICENCES = "<!-- list of licences -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what a page leaves to its neighbours, or to what is installed."""
    if _LICENCES in markdown:
        return markdown.replace(_LICENCES, _licences.markdown())
    if _LIST not in markdown:
        return markdown
    folder = Path(page.file.abs_src_path).parent
    return markdown.replace(_LIST, "\n".join(_line(path) for path in sorted(folder.glob("[0-9]*.md"))))


def _line(path: Path) -> str:
    title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    number, _, name = title.partition(" ")
    return f"* {number}: [{name}]({path.name})"
