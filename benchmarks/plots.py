"""Pictures of the benchmark page, as SVG: readable on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.engines import ENGINES

TEXT = "#7f8794"
COLOURS = {"ours": "#4f8ef7", "reference": "#e8833a", "copula": "#7a9e5f", "tvae": "#b06ab3", "ctgan": "#c9a227"}
MARKERS = "osD^vP"
Points = Sequence[tuple[float, float]]


def lines(
    path: Path, panels: Mapping[str, Mapping[str, Points]], across: str, up: str, *, linear: float | None = None
) -> None:
    """One panel for each name, both axes logarithmic, a line for each engine; `linear`: with a line of that slope."""
    figure = Figure(figsize=(2.6 * len(panels), 2.9), layout="constrained")
    for place, (name, engines) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1)
        _style(axes, name)
        for engine, points in engines.items():
            if points:
                axes.plot(*zip(*points, strict=True), "o-", color=COLOURS[engine], markersize=4, label=_label(engine))
        own = engines.get("ours")
        if linear is not None and own:
            (x, y), end = own[-1], own[0][0]
            axes.plot([end, x], [y * (end / x) ** linear, y], color=TEXT, linewidth=0.8, linestyle=(0, (4, 4)))
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(across, color=TEXT, fontsize=8)
        if place == 0:
            axes.set_ylabel(up, color=TEXT, fontsize=8)
            axes.legend(frameon=False, labelcolor=TEXT, fontsize=7)
    _save(figure, path)


def scatter(
    path: Path, points: Mapping[str, Mapping[str, tuple[float, float]]], across: str, up: str, *, chance: float
) -> None:
    """A mark for each dataset and engine, colours by engine, marks by dataset; `chance`: a line across."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    _style(axes, "")
    datasets = sorted({name for each in points.values() for name in each})
    for engine, found in points.items():
        for dataset, point in found.items():
            axes.plot(*point, MARKERS[datasets.index(dataset)], color=COLOURS[engine], markersize=7)
    axes.axhline(chance, color=TEXT, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.set_xscale("log")
    axes.set_xticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(across, color=TEXT, fontsize=9)
    axes.set_ylabel(up, color=TEXT, fontsize=9)
    for engine in points:
        axes.plot([], [], "s", color=COLOURS[engine], label=_label(engine))
    for place, dataset in enumerate(datasets):
        axes.plot([], [], MARKERS[place], color=TEXT, fillstyle="none", label=dataset)
    figure.legend(frameon=False, labelcolor=TEXT, fontsize=8, loc="outside right upper")
    _save(figure, path)


def _label(engine: str) -> str:
    return ENGINES[engine].label


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, color=TEXT, fontsize=9)
    axes.tick_params(colors=TEXT, which="both", labelsize=7)
    axes.patch.set_alpha(0)
    for name, spine in axes.spines.items():
        spine.set(color=TEXT, visible=name in ("left", "bottom"))


def _save(figure: Figure, path: Path) -> None:
    figure.patch.set_alpha(0)
    # neither a date nor random names of elements: the same figures give the same file
    with rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none", "font.family": "sans-serif"}):
        FigureCanvasSVG(figure).print_svg(str(path), metadata={"Date": None})
