"""Small pictures as inline SVG: an interval beside its reference, a bar below its ceiling.

Belongs here: shapes. Colours are classes of the style sheet, so that a page in the dark is as readable. Does not belong
here: which figures are drawn.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 260, 22
_MARGIN = 8


def interval(
    value: float, lower: float, upper: float, *, low: float, high: float, reference: float, limit: float | None = None
) -> Markup:
    """An interval on a scale from `low` to `high`, a tick where nothing leaks, a line where the limit is."""

    def x(at: float) -> float:
        share = (min(max(at, low), high) - low) / (high - low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)

    parts = [
        f'<line class="axis" x1="{_MARGIN}" x2="{WIDTH - _MARGIN}" y1="11" y2="11"/>',
        f'<line class="reference" x1="{x(reference)}" x2="{x(reference)}" y1="3" y2="19"/>',
    ]
    if limit is not None:
        parts.append(
            f'<rect class="beyond" x="{x(limit)}" y="3" width="{WIDTH - _MARGIN - x(limit):.1f}" height="16"/>'
        )
    parts.append(f'<line class="interval" x1="{x(lower)}" x2="{x(upper)}" y1="11" y2="11"/>')
    parts.append(f'<circle class="value" cx="{x(value)}" cy="11" r="4.5"/>')
    return _svg(parts, WIDTH, HEIGHT, f"{value:.3f}, between {lower:.3f} and {upper:.3f}")


def beside_ceiling(value: float, ceiling: float, *, low: float) -> Markup:
    """A bar from `low` to 1, and a mark at the ceiling."""

    def x(at: float) -> float:
        return round((min(max(at, low), 1.0) - low) / (1 - low) * WIDTH, 1)

    return _svg(
        [
            f'<rect class="track" width="{WIDTH}" y="6" height="10" rx="3"/>',
            f'<rect class="bar" width="{x(value)}" y="6" height="10" rx="3"/>',
            f'<line class="ceiling" x1="{x(ceiling)}" x2="{x(ceiling)}" y1="2" y2="20"/>',
        ],
        WIDTH,
        HEIGHT,
        f"{value:.3f} of {ceiling:.3f}",
    )


def _svg(parts: Sequence[str], width: int, height: int, says: str) -> Markup:
    inside = "".join(parts)
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" aria-label="{escape(says)}">'
        f"{inside}</svg>"
    )
