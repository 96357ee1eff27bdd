"""Pictures for the asset pages: drawn without a display, readable on a light and on a dark page."""

import io
import math
from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from synth_pipeline.distributions import Distribution

TEXT = "#7f8794"
TRAINING = "#4f8ef7"
VALIDATION = "#e8833a"
_RATE = "#7a9e5f"
_EPSILON = "#b06ab3"
_MANY = 40
_MAX_LABEL, _MAX_TITLE = 12, 26
_PANELS_IN_A_ROW = 3
_PANEL_INCHES, _LEGEND_INCHES = 2.1, 0.4


def loss_curve(
    epochs: Sequence[float],
    training: Sequence[float],
    validation: Sequence[float],
    best: int | None,
    learning_rates: Sequence[float] | None = None,
) -> bytes:
    """Losses by epoch as PNG, and below them the learning rate.

    Args:
        epochs: Epochs at which the losses were measured.
        training: Training loss at each, NaN where there is none.
        validation: Validation loss at each.
        best: Place in these lists of the model that was kept.
        learning_rates: Learning rate at each; None leaves it out.
    """
    figure, (axes, *below) = _stacked_axes([3.0] if learning_rates is None else [3.0, 1.0])
    for name, colour, losses in (("training", TRAINING, training), ("validation", VALIDATION, validation)):
        _line(axes, epochs, losses, colour, name)
    if best is not None:
        for each in (axes, *below):
            each.axvline(epochs[best], color=TEXT, linewidth=1, linestyle=(0, (4, 4)))
        axes.plot(
            [epochs[best]],
            [validation[best]],
            "o",
            color=VALIDATION,
            markersize=9,
            fillstyle="none",
            label="kept model",
        )
    axes.set_ylim(*_range_of_interest([*training, *validation]))
    axes.set_ylabel("loss (nats per row)", color=TEXT)
    axes.legend(frameon=False, labelcolor=TEXT)
    if learning_rates is not None:
        _plot_rates(below[0], epochs, learning_rates)
    return _finished(figure, below[-1] if below else axes)


def private_curve(epochs: Sequence[float], epsilons: Sequence[float], learning_rates: Sequence[float]) -> bytes:
    """What a differentially private training has spent by epoch, and its learning rate, as PNG.

    Args:
        epochs: Epochs at which it was reckoned.
        epsilons: Epsilon of all steps up to each, NaN where there is none.
        learning_rates: Learning rate at each.
    """
    figure, (spent, rates) = _stacked_axes([2.0, 1.0])
    _line(spent, epochs, epsilons, _EPSILON, "epsilon")
    spent.set_ylim(bottom=0)
    spent.set_ylabel("epsilon spent", color=TEXT)
    _plot_rates(rates, epochs, learning_rates)
    return _finished(figure, rates)


def distribution_grid(distributions: Sequence[Distribution]) -> bytes:
    """Shares of synthetic and of real rows, a panel for each column, as PNG.

    Args:
        distributions: One at least.
    """
    n_rows = math.ceil(len(distributions) / _PANELS_IN_A_ROW)
    height = _PANEL_INCHES * n_rows + _LEGEND_INCHES
    figure = Figure(figsize=(9, height), dpi=100)
    FigureCanvasAgg(figure)
    # Fixed: a layout that looks for room takes seconds for a dozen panels, and gives up where labels are long.
    figure.subplots_adjust(
        left=0.055,
        right=0.965,
        bottom=0.62 / height,
        top=1 - (_LEGEND_INCHES + 0.28) / height,
        wspace=0.24,
        hspace=0.85,
    )
    for place, each in enumerate(distributions):
        axes = figure.add_subplot(n_rows, _PANELS_IN_A_ROW, place + 1)
        style(axes)
        _plot_distribution(axes, each)
    handles = [Patch(color=TRAINING, label="synthetic")]
    if any(each.real for each in distributions):
        handles.append(Patch(color=VALIDATION, label="real"))
    figure.legend(handles=handles, loc="upper left", ncols=2, frameon=False, labelcolor=TEXT, fontsize=9)
    return as_png(figure)


def _plot_distribution(axes: Axes, distribution: Distribution) -> None:
    places = range(len(distribution.labels))
    shares: list[tuple[Sequence[float | None], str]] = [(distribution.synthetic, TRAINING)]
    if distribution.real:
        shares.append((distribution.real, VALIDATION))
    width = 0.84 / len(shares)
    for number, (heights, colour) in enumerate(shares):
        middle = [place + (number - (len(shares) - 1) / 2) * width for place in places]
        axes.bar(middle, [height or 0.0 for height in heights], width, color=colour)
    if distribution.real:  # what too few people have is neither told nor nothing
        untold = [place + width / 2 for place, share in enumerate(distribution.real) if share is None]
        axes.plot(untold, [0.0] * len(untold), "x", color=VALIDATION, markersize=4, clip_on=False)
    axes.set_title(shown_text(distribution.column, _MAX_TITLE), color=TEXT, fontsize=9, parse_math=False)
    shown = (
        list(places) if not distribution.is_range else [0, len(distribution.labels) // 2, len(distribution.labels) - 1]
    )
    labels = [shown_text(distribution.labels[place], _MAX_LABEL) for place in shown]
    is_long = not distribution.is_range and sum(map(len, labels)) > 24
    axes.set_xticks(
        shown, labels, rotation=38 if is_long else 0, ha="right" if is_long else "center", rotation_mode="anchor"
    )
    for label in axes.get_xticklabels():
        label.set_parse_math(False)
    axes.tick_params(labelsize=7)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
    axes.grid(axis="x", visible=False)


def shown_text(text: str, longest: int) -> str:
    """A text as the font of the pictures can write it, cut to a length in characters.

    >>> shown_text("a rather long name", 8)
    'a rathe…'
    """
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    written = "".join(char if font.get_char_index(ord(char)) else "□" for char in " ".join(text.split()))
    return written if len(written) <= longest else written[: longest - 1] + "…"


def _line(axes: Axes, epochs: Sequence[float], values: Sequence[float], colour: str, label: str) -> None:
    axes.plot(epochs, values, color=colour, marker="o", markersize=3, linewidth=1.6, label=label)


def _plot_rates(axes: Axes, epochs: Sequence[float], learning_rates: Sequence[float]) -> None:
    _line(axes, epochs, learning_rates, _RATE, "learning rate")
    highest = max((rate for rate in learning_rates if math.isfinite(rate)), default=0.0)
    axes.set_ylim(0, 1.15 * highest or 1)
    axes.set_ylabel("learning rate", color=TEXT)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
    axes.yaxis.get_offset_text().set_color(TEXT)
    axes.yaxis.set_major_locator(MaxNLocator(3))


def _stacked_axes(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Axes above each other that share the epochs."""
    figure = Figure(figsize=(7, 3.4 + 1.2 * (len(heights) - 1)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(heights), height_ratios=list(heights))
    axes = [figure.add_subplot(grid[0])]
    axes += [figure.add_subplot(place, sharex=axes[0]) for place in (grid[row] for row in range(1, len(heights)))]
    for each in axes[:-1]:
        each.tick_params(labelbottom=False)
    for each in axes:
        style(each)
    return figure, axes


def style(axes: Axes) -> None:
    """Lines and letters that are seen on a light and on a dark page."""
    axes.tick_params(colors=TEXT)
    axes.grid(color=TEXT, alpha=0.2)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(TEXT)
    axes.patch.set_alpha(0)


def _finished(figure: Figure, lowest: Axes) -> bytes:
    lowest.set_xlabel("epoch", color=TEXT)
    lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
    return as_png(figure)


def as_png(figure: Figure) -> bytes:
    """The picture on a transparent ground."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", transparent=True)
    return picture.getvalue()


def _range_of_interest(losses: Sequence[float]) -> tuple[float | None, float | None]:
    """Limits of the axis: the first epochs of a long training are so far above the others that they may stick out."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < _MANY:
        return None, None
    low, high = min(finite), sorted(finite)[int(0.95 * len(finite))]
    margin = 0.05 * (high - low) or None
    return (None, None) if margin is None else (low - margin, high + margin)
