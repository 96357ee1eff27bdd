"""The picture of a report: columns beside their ceilings, and attacks beside chance."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synth_engine.evaluation.privacy import NotMeasured
from synth_engine.report import Report
from synth_pipeline import charts

_MOST_COLUMNS = 14
_LONGEST = 24
Interval = tuple[str, float, float, float]


def report_figures(report: Report) -> bytes | None:
    """As PNG; None where nothing was measured.

    Args:
        report: What was measured.
    """
    fidelity = None if isinstance(report.fidelity, NotMeasured) else report.fidelity
    columns = sorted(fidelity.columns.items(), key=lambda pair: -pair[1].accuracy.shortfall) if fidelity else []
    attacks = list(_attacks(report))
    if not columns and not attacks:
        return None
    lines = max(min(len(columns), _MOST_COLUMNS), len(attacks))
    figure = Figure(figsize=(9.5, 0.9 + 0.27 * lines), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _plot_columns(left, [(name, each.accuracy.synthetic, each.accuracy.ceiling) for name, each in columns])
    _plot_attacks(right, attacks)
    return charts.as_png(figure)


def _attacks(report: Report) -> Iterator[Interval]:
    if isinstance(report.privacy, NotMeasured):
        return
    membership = report.privacy.membership
    for name in ("distance", "density_ratio", "classifier"):
        if (attack := getattr(membership, name, None)) is not None:
            yield f"membership by {name.split('_')[0]}", attack.auc.value, attack.auc.lower, attack.auc.upper
    if (share := getattr(report.privacy.closeness, "share_closer_to_training", None)) is not None:
        yield "closer to training rows", share.value, share.lower, share.upper
    if not isinstance(report.discriminator, NotMeasured) and (found := report.discriminator.synthetic) is not None:
        yield "judge of synthetic rows", found.auc, *found.interval


def _plot_columns(axes: Axes, columns: list[tuple[str, float, float]]) -> None:
    charts.style(axes)
    shown = columns[:_MOST_COLUMNS][::-1]
    places = range(len(shown))
    axes.barh(places, [synthetic for _, synthetic, _ in shown], height=0.6, color=charts.TRAINING)
    axes.plot(
        [ceiling for *_, ceiling in shown], places, "|", color=charts.VALIDATION, markersize=11, markeredgewidth=2
    )
    axes.set_yticks(places, [charts.shown_text(name, _LONGEST) for name, *_ in shown])
    axes.set_xlim(min([0.9, *(min(pair[1:]) for pair in shown)]) - 0.02, 1)
    axes.set_title("accuracy of columns, and what real rows reach", color=charts.TEXT, fontsize=9)
    _tidy(axes)


def _plot_attacks(axes: Axes, attacks: list[Interval]) -> None:
    charts.style(axes)
    shown = attacks[::-1]
    places = range(len(shown))
    axes.axvline(0.5, color=charts.VALIDATION, linewidth=1.5, linestyle=(0, (4, 3)))
    axes.hlines(
        places,
        [low for _, _, low, _ in shown],
        [high for *_, high in shown],
        color=charts.TRAINING,
        linewidth=4,
        alpha=0.5,
    )
    axes.plot([value for _, value, _, _ in shown], places, "o", color=charts.TRAINING)
    axes.set_yticks(places, [name for name, *_ in shown])
    axes.set_ylim(-0.7, max(len(shown) - 0.3, 0.7))
    axes.set_xlim(min([0.4, *(low for _, _, low, _ in shown)]), 1)
    axes.set_title("attacks: 0.5 is chance, 1 certainty", color=charts.TEXT, fontsize=9)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", visible=False)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
