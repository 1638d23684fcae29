"""Plots of the results as SVG: latency against load, and throughput.

plots.py RESULTS.json FOLDER
"""

import json
import sys
from pathlib import Path
from statistics import median

import matplotlib
from measure import CONNECTIONS
from model import MODELS
from report import Results
from server import LABELS

matplotlib.use("svg")
# The same results are the same bytes, and text stays text.
matplotlib.rcParams.update(
    {"svg.hashsalt": "titan", "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False}
)
from matplotlib import pyplot  # noqa: E402

COLOURS = dict(zip(LABELS, ("#888888", "#c44e00", "#e8a33d", "#1f6f8b", "#6a8d3a", "#7a4f9a", "#444444"), strict=True))


def load(data, model):
    """Percentiles of latency at each rate."""
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    for side, percentile in zip(axes, ("p50", "p99"), strict=True):
        for server in data.names("open", LABELS, model=model):
            where = {"model": model, "server": server}
            shares = sorted({one["share"] for one in data.of("open", **where)})
            rates = [data.middle("open", "rate", share=share, **where) for share in shares]
            times = [data.middle("open", f"latency_us/{percentile}", share=share, **where) for share in shares]
            side.plot(
                rates, times, marker="o", markersize=3, label=LABELS[server].replace("`", ""), color=COLOURS[server]
            )
        side.set(xscale="log", yscale="log", xlabel="requests a second", title=percentile)
        side.grid(alpha=0.3)
    axes[0].set_ylabel("latency from when a request was due, us")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def throughput(data, model):
    """Requests a second at each number of connections: medians, and the range of the rounds."""
    figure, axis = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for server in data.names("closed", LABELS, model=model):
        where = {"model": model, "server": server}
        counts = sorted({one["connections"] for one in data.of("closed", **where)})
        rounds = [data.values("closed", "throughput", connections=count, **where) for count in counts]
        middles = [median(values) for values in rounds]
        below = [middle - min(values) for middle, values in zip(middles, rounds, strict=True)]
        above = [max(values) - middle for middle, values in zip(middles, rounds, strict=True)]
        label = LABELS[server].replace("`", "")
        axis.errorbar(counts, middles, [below, above], marker="o", markersize=3, label=label, color=COLOURS[server])
    axis.set(xscale="log", yscale="log", xlabel="connections", ylabel="requests a second", title=MODELS[model].label)
    axis.set_xticks(CONNECTIONS, CONNECTIONS)
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def main(results, folder):
    """Writes every plot for which there are measurements."""
    data = Results(json.loads(Path(results).read_text()))
    for part, name, draw in (("open", "load", load), ("closed", "throughput", throughput)):
        for model in data.names(part, MODELS):
            figure = draw(data, model)
            figure.savefig(Path(folder) / f"{name}-{model}.svg", metadata={"Date": None})
            pyplot.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
