"""Pictures for the asset pages: drawn without a display, readable on a light and on a dark page."""

import io
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_TEXT = "#7f8794"
_TRAINING = "#4f8ef7"
_VALIDATION = "#e8833a"
_MANY = 40


def loss_curve(
    epochs: Sequence[float], training: Sequence[float], validation: Sequence[float], best: int | None
) -> bytes:
    """Losses by epoch as PNG.

    Args:
        epochs: Epochs at which the losses were measured.
        training: Training loss at each, NaN where there is none.
        validation: Validation loss at each.
        best: Place in these lists of the model that was kept.
    """
    figure, axes = _empty_axes()
    for name, colour, losses in (("training", _TRAINING, training), ("validation", _VALIDATION, validation)):
        axes.plot(epochs, losses, color=colour, marker="o", markersize=3, linewidth=1.6, label=name)
    if best is not None:
        axes.axvline(epochs[best], color=_TEXT, linewidth=1, linestyle=(0, (4, 4)))
        axes.plot(
            [epochs[best]],
            [validation[best]],
            "o",
            color=_VALIDATION,
            markersize=9,
            fillstyle="none",
            label="kept model",
        )
    axes.set_ylim(*_range_of_interest([*training, *validation]))
    axes.set_xlabel("epoch", color=_TEXT)
    axes.set_ylabel("loss (nats per row)", color=_TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, labelcolor=_TEXT)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", transparent=True)
    return picture.getvalue()


def _empty_axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 3.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.tick_params(colors=_TEXT)
    axes.grid(color=_TEXT, alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_TEXT)
    return figure, axes


def _range_of_interest(losses: Sequence[float]) -> tuple[float | None, float | None]:
    """Limits of the axis: the first epochs of a long training are so far above the others that they may stick out."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < _MANY:
        return None, None
    low, high = min(finite), sorted(finite)[int(0.95 * len(finite))]
    margin = 0.05 * (high - low) or None
    return (None, None) if margin is None else (low - margin, high + margin)
