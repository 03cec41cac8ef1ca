"""``agentlab nets``: what nets there are, of what layers, and diagrams of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import did_you_mean, option
from agentlab.errors import AgentlabError
from agentlab.lazy import without_banners
from agentlab.nets import SHAPES, TORSOS, make_net, make_torso

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DESCRIPTION = """List all nets with an example of their inputs and their parameters; or show the
layers of NET, and draw them with --diagram."""
VOCABULARY = 10_000  # of nets that take ids, where none is given
SUFFIXES = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class NetsOptions:
    """Which net is shown, and what is drawn."""

    input_shape: tuple[int, ...] | None = option(None, "of one input: 28,28,1; none for an example")
    outputs: int = option(10, "classes, or numbers, of the net's head")
    vocabulary: int | None = option(None, "how many ids there are; then its inputs are ids")
    diagram: str | None = option(None, "draw the net's layers to this .png, .pdf or .svg")
    activations: str | None = option(
        None, "draw activation functions and their derivatives to this"
    )

    def __post_init__(self) -> None:
        for name in ("outputs", "vocabulary"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise AgentlabError(f"{name}={value} must be 1 or more")
        if self.input_shape is not None and (min(self.input_shape, default=0) < 1):
            raise AgentlabError(f"input_shape={self.input_shape} must be numbers of 1 or more")
        for name in ("diagram", "activations"):
            path = getattr(self, name)
            if path is None:
                continue
            if Path(path).suffix.lower() not in SUFFIXES:
                raise AgentlabError(f"{name}={path!r} must end in {', '.join(SUFFIXES)}")
            if Path(path).exists():
                raise AgentlabError(f"{name}={path!r} exists already; name a file that does not")


@dataclass(frozen=True)
class Whole:
    """A net that is no torso with a head.

    Attributes:
        takes: what its inputs are, in words.
        text: what it is, in a line.
        make: makes one.
    """

    takes: str
    text: str
    make: Callable[[NetsOptions], Any]


def _siamese(options: NetsOptions) -> Any:
    from agentlab.nets.siamese import Siamese

    return Siamese(
        make_torso("lenet", options.input_shape or (28, 28, 1), name="torso"), name="siamese"
    )


def _seq2seq(options: NetsOptions) -> Any:
    from agentlab.nets.seq2seq import Seq2Seq

    size = options.vocabulary or VOCABULARY
    return _built_for_texts(Seq2Seq(size, size, name="seq2seq"))


def _transformer(options: NetsOptions) -> Any:
    from agentlab.nets.transformer import Transformer

    size = options.vocabulary or VOCABULARY
    return _built_for_texts(Transformer(size, size, name="transformer"))


def _built_for_texts(net: Any) -> Any:
    net.build(((None, None), (None, None)))
    return net


WHOLE = {
    "siamese": Whole("pairs of images", "twin LeNets, a distance (Bromley et al. 1993)", _siamese),
    "seq2seq": Whole("pairs of texts", "recurrent, with attention (Luong et al. 2015)", _seq2seq),
    "transformer": Whole("pairs of texts", "attention alone (Vaswani et al. 2017)", _transformer),
}


def run(words: list[str]) -> int:
    """List nets, or show one, as ``words`` say, and return the exit code."""
    parser = Parser(program("nets"), DESCRIPTION, words="[NET]")
    parser.add_argument("net", nargs="?", metavar="NET", help="a net's name")
    parser.add_fields(NetsOptions, "flags")
    said = parser.given(words)
    if said.pop("help", False):
        parser.print_help()
        return 0
    name = said.pop("net", None)
    options = NetsOptions(**said)
    if name is None and options.diagram is not None:
        raise AgentlabError("which net is to be drawn? name one, as in `agentlab nets lenet`")
    with without_banners():
        import tensorflow  # noqa: F401
    if options.activations is not None:
        from agentlab.plots.activations import draw_activations

        _save(draw_activations(), options.activations)
    if name is not None:
        _show(name, options)
    elif options.activations is None:
        _print(_listing(options))
    return 0


def _listing(options: NetsOptions) -> str:
    rows = [("net", "takes", "such as", "parameters", "")]
    for name, torso in TORSOS.items():
        size = _make(name, NetsOptions(outputs=options.outputs)).count_params()
        rows.append((name, torso.takes, str(list(torso.example)), f"{size:,}", torso.text))
    for name, whole in WHOLE.items():
        rows.append((name, whole.takes, "", f"{_make(name, options).count_params():,}", whole.text))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, takes, example, size, text in rows:
        cells = (name.ljust(widths[0]), takes.ljust(widths[1]), example.ljust(widths[2]))
        lines.append("  ".join((*cells, size.rjust(widths[3]), text)).rstrip())
    heads = f"with {options.outputs} outputs where a net is a torso with a head"
    return "\n".join([*lines, "", f"Parameters are those for such inputs, {heads}."])


def _show(name: str, options: NetsOptions) -> None:
    from agentlab.nets.layer_graph import layer_graph
    from agentlab.plots.net_diagram import draw_nodes, summary

    net = _make(name, options)
    text = TORSOS[name].text if name in TORSOS else WHOLE[name].text
    takes = SHAPES[TORSOS[name].takes][0] if name in TORSOS else WHOLE[name].takes
    nodes = layer_graph(net)
    _print(f"{name}: {text}\ntakes {takes}\n\n{summary(nodes)}")
    if options.diagram is not None:
        total = sum(node.parameters for node in nodes)
        _save(draw_nodes(nodes, f"{name} · {total:,} parameters"), options.diagram)


def _make(name: str, options: NetsOptions) -> Any:
    if name in WHOLE:
        return WHOLE[name].make(options)
    if name not in TORSOS:
        known = [*TORSOS, *WHOLE]
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        raise AgentlabError(f"net={name!r} is unknown{hint}")
    torso = TORSOS[name]
    arguments = {}
    if options.vocabulary is not None or torso.takes == "ids":
        arguments["vocabulary"] = options.vocabulary or VOCABULARY
    shape = options.input_shape or torso.example
    if torso.takes == "sequences" and arguments and options.input_shape is None:
        shape = torso.example[:1]
    return make_net(name, shape, options.outputs, **arguments)


def _save(figure: Figure, path: str) -> None:
    from agentlab.plots.style import save_figure

    print(f"written   {save_figure(figure, Path(path))}")


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `agentlab nets | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
