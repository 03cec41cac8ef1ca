"""A network as a table of its layers, and as a diagram of boxes and arrows."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from agentlab.nets.layer_graph import Node, Shape, layer_graph
from agentlab.plots.style import INK, LINE, MUTED, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 2.5, 0.62  # inches; size of a box
GAP_X, GAP_Y = 0.25, 0.4  # between boxes
LANE = 0.15  # width reserved for an arrow that skips a row
MARGIN = 0.15
LINE_HEIGHT = 0.17
MAX_CHARACTERS = 34  # in a line of a box
WITH_WEIGHTS, WITHOUT_WEIGHTS, INPUT_OUTPUT = "#dceaf7", "white", "#eeeeee"  # box colors

# A box is (index of a node, -1). A lane, where an arrow skips a row, is (source node, row).
Item = tuple[int, int]


def summary(nodes: list[Node]) -> str:
    """Format nodes as a table of names, kinds, output shapes and parameter counts.

    >>> print(summary([Node("dense", "Dense relu", (None, 10), 110)]))
    layer  kind        output shape  parameters
    dense  Dense relu  [·, 10]              110
    total                                   110
    """
    rows = [("layer", "kind", "output shape", "parameters")]
    rows += [(n.name, n.kind, shape_text(n.shape), f"{n.parameters:,}") for n in nodes]
    rows.append(("total", "", "", f"{sum(node.parameters for node in nodes):,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for *texts, number in rows:
        cells = [text.ljust(width) for text, width in zip(texts, widths, strict=False)]
        lines.append("  ".join([*cells, number.rjust(widths[-1])]))
    return "\n".join(lines)


def shape_text(shape: Shape) -> str:
    """Format a shape; a dot stands for a dimension that may vary.

    >>> shape_text((None, 28, 28, 1))
    '[·, 28, 28, 1]'
    """
    return "[" + ", ".join("·" if size is None else str(size) for size in shape) + "]"


def draw_net(net: Any, inputs: Any = None, title: str = "") -> Figure:
    """Draw the layers of a Keras model with their names, kinds, output shapes and parameters.

    Args:
        net: a model or a layer.
        inputs: example inputs, needed if the model was not built for an input shape.
        title: title of the diagram; by default the model's name and parameter count.

    Raises:
        AgentlabError: if the input shape is unknown.
    """
    nodes = layer_graph(net, inputs)
    total = sum(node.parameters for node in nodes)
    return draw_nodes(nodes, title or f"{net.name} · {total:,} parameters")


def draw_nodes(nodes: list[Node], title: str = "") -> Figure:
    """Draw the nodes of ``layer_graph``, from the inputs at the top to the outputs."""
    rows = _rows(nodes)
    centers = _centers(nodes, rows)
    left = min(x - _width(item) / 2 for item, x in centers.items()) - MARGIN
    right = max(x + _width(item) / 2 for item, x in centers.items()) + MARGIN
    bottom = _height(max(rows)) - HEIGHT / 2 - MARGIN
    top = HEIGHT / 2 + MARGIN
    figure = new_figure(max(right - left, 4), top - bottom + (0.35 if title else 0))
    axes = figure.add_subplot()
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.set_axis_off()
    if title:
        axes.set_title(plain(title, 60), color=INK, fontsize=11)
    for i, node in enumerate(nodes):
        for source in sorted(node.sources):
            points = [(centers[source, -1], _height(rows[source]) - HEIGHT / 2)]
            for row in range(rows[source] + 1, rows[i]):
                x, y = centers[source, row], _height(row)
                points += [(x, y + HEIGHT / 2), (x, y - HEIGHT / 2)]
            _draw_arrow(axes, [*points, (centers[i, -1], _height(rows[i]) + HEIGHT / 2)])
    for i, node in enumerate(nodes):
        _draw_box(axes, node, centers[i, -1], _height(rows[i]))
    return figure


def _rows(nodes: list[Node]) -> list[int]:
    """Return the row of each node: below all its sources.

    Inputs and weights go right above the first node that uses them.
    """
    rows: list[int] = []
    for node in nodes:
        rows.append(max((rows[source] + 1 for source in node.sources), default=0))
    users = [[p for p, node in enumerate(nodes) if i in node.sources] for i in range(len(nodes))]
    for i, node in enumerate(nodes):
        if users[i] and not node.sources:
            rows[i] = min(rows[user] for user in users[i]) - 1
        elif not node.kind and not users[i]:  # outputs
            rows[i] = max(rows)
    return rows


def _centers(nodes: list[Node], rows: list[int]) -> dict[Item, float]:
    """Return the x of boxes and lanes, placed close to what they are connected to."""
    members: dict[int, list[Item]] = defaultdict(list)
    linked: dict[int, dict[Item, list[Item]]] = {-1: defaultdict(list), 1: defaultdict(list)}
    for i, node in enumerate(nodes):
        members[rows[i]].append((i, -1))
        for source in sorted(node.sources):
            chain = [(source, row) for row in range(rows[source] + 1, rows[i])]
            for above, below in pairwise([(source, -1), *chain, (i, -1)]):
                if below[1] >= 0 and below not in members[below[1]]:
                    members[below[1]].append(below)
                linked[-1][below].append(above)
                linked[1][above].append(below)
    centers: dict[Item, float] = {}
    for side in (-1, 1, -1):  # sweep down, up and down again
        for row in sorted(members, reverse=side > 0):
            targets = {}
            for member in members[row]:
                placed = [(_weight(p), centers[p]) for p in linked[side][member] if p in centers]
                total = sum(weight for weight, _ in placed)
                previous = centers.get(member, 0.0)
                targets[member] = sum(w * x for w, x in placed) / total if placed else previous
            # Lanes go to the outside, so that boxes are aligned vertically.
            members[row].sort(key=lambda p: targets[p] + 0.1 * (p[1] >= 0))
            centers.update(_spread(members[row], targets))
    return centers


def _spread(items: list[Item], targets: dict[Item, float]) -> dict[Item, float]:
    """Place the items of a row in order, as close to their targets as their widths allow.

    Minimizes the weighted sum of squared distances by the pool adjacent violators algorithm.
    """
    shifts = [0.0]
    for before, after in pairwise(items):
        shifts.append(shifts[-1] + (_width(before) + _width(after)) / 2 + GAP_X)
    blocks: list[tuple[float, float, int]] = []  # x of the first item, weight, number of items
    for item, shift in zip(items, shifts, strict=True):
        x, weight, count = targets[item] - shift, _weight(item), 1
        while blocks and blocks[-1][0] >= x:
            other, other_weight, other_count = blocks.pop()
            x = (x * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        blocks.append((x, weight, count))
    starts = [x for x, _, count in blocks for _ in range(count)]
    return {p: x + shift for p, x, shift in zip(items, starts, shifts, strict=True)}


def _width(item: Item) -> float:
    return WIDTH if item[1] < 0 else LANE


def _weight(item: Item) -> float:
    """Return the weight of a box or a lane in the layout."""
    return 1.0 if item[1] < 0 else 0.001


def _height(row: int) -> float:
    return -row * (HEIGHT + GAP_Y)


def _draw_box(axes: Any, node: Node, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    is_end = node.name.split()[0] in ("input", "output") and not node.parameters
    axes.add_patch(
        FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=INPUT_OUTPUT
            if is_end
            else WITH_WEIGHTS
            if node.parameters
            else WITHOUT_WEIGHTS,
            edgecolor=LINE if node.parameters else MUTED,
            lw=0.9,
            zorder=2,
        )
    )
    numbers = f" · {node.parameters:,} parameters" if node.parameters else ""
    texts = [
        (node.name, MAX_CHARACTERS, {"color": INK, "fontsize": 8.5, "fontweight": "bold"}),
        (node.kind, MAX_CHARACTERS, {"color": MUTED, "fontsize": 7.5}),
        (shape_text(node.shape) + numbers, 50, {"color": INK, "fontsize": 7.5}),
    ]
    texts = [text for text in texts if text[0]]
    for i, (text, letters, style) in enumerate(texts):
        shift = LINE_HEIGHT * ((len(texts) - 1) / 2 - i)
        axes.text(x, y + shift, plain(text, letters), ha="center", va="center", zorder=3, **style)


def _draw_arrow(axes: Any, points: list[tuple[float, float]]) -> None:
    """Draw a smooth arrow through ``points``, vertical at each of them."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    axes.add_patch(
        FancyArrowPatch(
            path=Path(vertices, codes),
            arrowstyle="-|>,head_length=4,head_width=2",
            color=MUTED,
            lw=1,
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )
