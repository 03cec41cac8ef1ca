"""A net as a table of its layers, and as a diagram: boxes, and arrows for what flows."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from agentlab.nets.structure import Node, Shape, structure
from agentlab.plots.style import INK, LINE, MUTED, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 2.5, 0.62  # of a box, in inches
GAP_X, GAP_Y = 0.25, 0.4  # between boxes
LANE = 0.15  # room for an arrow that passes a row by
MARGIN = 0.15
LINE_HEIGHT = 0.17
LETTERS = 34  # that a box is wide
FILLED, EMPTY, END = "#dceaf7", "white", "#eeeeee"  # with weights, without, input or output

Place = tuple[int, int]  # node, and row of the arrow to it that passes; or node, and -1


def summary(nodes: list[Node]) -> str:
    """Write nodes as a table of names, kinds, output shapes and parameters, and the total."""
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
    """Write a shape; sizes that may differ from call to call are dots."""
    return "[" + ", ".join("·" if size is None else str(size) for size in shape) + "]"


def draw_net(net: Any, inputs: Any = None, title: str = "") -> Figure:
    """Draw a Keras model's layers with their names, kinds, output shapes and parameters.

    Args:
        net: a built model of any kind, or a layer.
        inputs: an example of its inputs, where the net was not built for a shape.
        title: over the diagram; the net's name and its parameters where it is empty.

    Raises:
        AgentlabError: where the inputs' shape is unknown.
    """
    nodes = structure(net, inputs)
    total = sum(node.parameters for node in nodes)
    return draw_nodes(nodes, title or f"{net.name} · {total:,} parameters")


def draw_nodes(nodes: list[Node], title: str = "") -> Figure:
    """Draw what ``structure`` found, from the inputs at the top down to the outputs."""
    rows = _rows(nodes)
    centers = _centers(nodes, rows)
    left = min(x - _width(place) / 2 for place, x in centers.items()) - MARGIN
    right = max(x + _width(place) / 2 for place, x in centers.items()) + MARGIN
    bottom = _height(max(rows)) - HEIGHT / 2 - MARGIN
    top = HEIGHT / 2 + MARGIN
    figure = new_figure(max(right - left, 4), top - bottom + (0.35 if title else 0))
    axes = figure.add_subplot()
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.set_axis_off()
    if title:
        axes.set_title(plain(title, 60), color=INK, fontsize=11)
    for place, node in enumerate(nodes):
        for source in sorted(node.sources):
            points = [(centers[source, -1], _height(rows[source]) - HEIGHT / 2)]
            for row in range(rows[source] + 1, rows[place]):
                x, y = centers[source, row], _height(row)
                points += [(x, y + HEIGHT / 2), (x, y - HEIGHT / 2)]
            _draw_arrow(axes, [*points, (centers[place, -1], _height(rows[place]) + HEIGHT / 2)])
    for place, node in enumerate(nodes):
        _draw_box(axes, node, centers[place, -1], _height(rows[place]))
    return figure


def _rows(nodes: list[Node]) -> list[int]:
    """Give each node the row below all that it uses; inputs and weights that right above."""
    rows: list[int] = []
    for node in nodes:
        rows.append(max((rows[source] + 1 for source in node.sources), default=0))
    users = [
        [p for p, node in enumerate(nodes) if place in node.sources] for place in range(len(nodes))
    ]
    for place, node in enumerate(nodes):
        if users[place] and not node.sources:
            rows[place] = min(rows[user] for user in users[place]) - 1
        elif not node.kind and not users[place]:  # outputs
            rows[place] = max(rows)
    return rows


def _centers(nodes: list[Node], rows: list[int]) -> dict[Place, float]:
    """Place boxes, and the lanes of arrows that pass rows by, below what they come from."""
    members: dict[int, list[Place]] = defaultdict(list)
    linked: dict[int, dict[Place, list[Place]]] = {-1: defaultdict(list), 1: defaultdict(list)}
    for place, node in enumerate(nodes):
        members[rows[place]].append((place, -1))
        for source in sorted(node.sources):
            chain = [(source, row) for row in range(rows[source] + 1, rows[place])]
            for above, below in pairwise([(source, -1), *chain, (place, -1)]):
                if below[1] >= 0 and below not in members[below[1]]:
                    members[below[1]].append(below)
                linked[-1][below].append(above)
                linked[1][above].append(below)
    centers: dict[Place, float] = {}
    for side in (-1, 1, -1):  # down, up and down again
        for row in sorted(members, reverse=side > 0):
            wishes = {}
            for member in members[row]:
                known = [(_weight(p), centers[p]) for p in linked[side][member] if p in centers]
                total = sum(weight for weight, _ in known)
                before = centers.get(member, 0.0)
                wishes[member] = sum(w * x for w, x in known) / total if known else before
            # A lane goes to the outside, so that boxes stand straight below one another.
            members[row].sort(key=lambda p: wishes[p] + 0.1 * (p[1] >= 0))
            centers.update(_spread(members[row], wishes))
    return centers


def _spread(places: list[Place], wishes: dict[Place, float]) -> dict[Place, float]:
    """Place one row's members in order as near to their wishes as their widths allow.

    The sum of squared distances is smallest (pool adjacent violators); lanes count little in it.
    """
    shifts = [0.0]
    for before, after in pairwise(places):
        shifts.append(shifts[-1] + (_width(before) + _width(after)) / 2 + GAP_X)
    blocks: list[tuple[float, float, int]] = []  # wished place of the first, weight, members
    for place, shift in zip(places, shifts, strict=True):
        x, weight, count = wishes[place] - shift, _weight(place), 1
        while blocks and blocks[-1][0] >= x:
            other, other_weight, other_count = blocks.pop()
            x = (x * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        blocks.append((x, weight, count))
    starts = [x for x, _, count in blocks for _ in range(count)]
    return {p: x + shift for p, x, shift in zip(places, starts, shifts, strict=True)}


def _width(place: Place) -> float:
    return WIDTH if place[1] < 0 else LANE


def _weight(place: Place) -> float:
    """Return how much a box, or a lane, pulls at its neighbors."""
    return 1.0 if place[1] < 0 else 0.001


def _height(row: int) -> float:
    return -row * (HEIGHT + GAP_Y)


def _draw_box(axes: Any, node: Node, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    ends = node.name.split()[0] in ("input", "output") and not node.parameters
    axes.add_patch(
        FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=END if ends else FILLED if node.parameters else EMPTY,
            edgecolor=LINE if node.parameters else MUTED,
            lw=0.9,
            zorder=2,
        )
    )
    numbers = f" · {node.parameters:,} parameters" if node.parameters else ""
    texts = [
        (node.name, LETTERS, {"color": INK, "fontsize": 8.5, "fontweight": "bold"}),
        (node.kind, LETTERS, {"color": MUTED, "fontsize": 7.5}),
        (shape_text(node.shape) + numbers, 50, {"color": INK, "fontsize": 7.5}),
    ]
    texts = [text for text in texts if text[0]]
    for i, (text, letters, style) in enumerate(texts):
        shift = LINE_HEIGHT * ((len(texts) - 1) / 2 - i)
        axes.text(x, y + shift, plain(text, letters), ha="center", va="center", zorder=3, **style)


def _draw_arrow(axes: Any, points: list[tuple[float, float]]) -> None:
    """Draw a smooth line through ``points``, which leaves and enters them downwards."""
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
