"""``agentlab nets``: list all networks, or summarize or draw one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, did_you_mean, option
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf, without_banners
from agentlab.nets import SHAPES, TORSOS, make_net, make_torso

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DESCRIPTION = """List all networks with an example input shape and their number of parameters, or
show the layers of NET and draw them with --diagram."""
VOCABULARY = 10_000  # default size for networks that take token ids
SUFFIXES = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class NetsOptions(Options):
    """Options of the network to show, and of drawings."""

    input_shape: tuple[int, ...] | None = option(
        None, "shape of one input, such as 28,28,1; none for an example shape", ge=1, le=100_000
    )
    outputs: int = option(
        10, "outputs of the network's head: classes or values", ge=1, le=1_000_000
    )
    vocabulary: int | None = option(
        None, "vocabulary size, for networks whose inputs are token ids", ge=1, le=10_000_000
    )
    diagram: str | None = option(None, "draw the network's layers to this .png, .pdf or .svg file")
    activations: str | None = option(
        None, "draw activation functions and their derivatives to this .png, .pdf or .svg file"
    )

    def check(self) -> None:
        super().check()
        if self.input_shape == ():
            raise InvalidArgument("input_shape=() must be the shape of one input, such as 28,28,1")
        for name in ("diagram", "activations"):
            path = getattr(self, name)
            if path is None:
                continue
            if Path(path).suffix.lower() not in SUFFIXES:
                raise InvalidArgument(f"{name}={path!r} must end in {', '.join(SUFFIXES)}")
            if Path(path).exists():
                raise InvalidArgument(f"{name}={path!r} already exists; choose a new file")


@dataclass(frozen=True)
class Whole:
    """A network that is not a torso with a head.

    Attributes:
        takes: description of the inputs.
        text: one-line description of the network.
        make: builds the network.
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
    "siamese": Whole("pairs of images", "distance of twin LeNets (Bromley et al. 1993)", _siamese),
    "seq2seq": Whole("pairs of texts", "recurrent, with attention (Luong et al. 2015)", _seq2seq),
    "transformer": Whole("pairs of texts", "attention only (Vaswani et al. 2017)", _transformer),
}


def run(words: list[str]) -> int:
    """List all networks or show one, and return the exit code."""
    parser = Parser(program("nets"), DESCRIPTION, words="[NET]")
    parser.add_argument("net", nargs="?", metavar="NET", help="name of a network")
    parser.add_fields(NetsOptions, "flags")
    given = parser.given(words)
    if given.pop("help", False):
        parser.print_help()
        return 0
    name = given.pop("net", None)
    options = NetsOptions(**given)
    if name is None and options.diagram is not None:
        raise AgentlabError(
            f"--diagram {options.diagram} needs NET: `{program('nets')} lenet --diagram ...`"
        )
    with without_banners():
        tf.__version__  # noqa: B018 - loads TensorFlow
    if options.activations is not None:
        from agentlab.plots.activations import draw_activations

        _save(draw_activations(), options.activations)
    if name is not None:
        _show(name, options)
    elif options.activations is None:
        print(_listing(options))
    return 0


def _listing(options: NetsOptions) -> str:
    rows = [("net", "inputs", "example", "parameters", "")]
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
    note = f"example inputs and, for torsos, a head with {options.outputs} outputs"
    return "\n".join([*lines, "", f"Numbers of parameters are for the {note}."])


def _show(name: str, options: NetsOptions) -> None:
    from agentlab.nets.layer_graph import layer_graph
    from agentlab.plots.net_diagram import draw_nodes, summary

    net = _make(name, options)
    text = TORSOS[name].text if name in TORSOS else WHOLE[name].text
    takes = SHAPES[TORSOS[name].takes][0] if name in TORSOS else WHOLE[name].takes
    nodes = layer_graph(net)
    print(f"{name}: {text}\ninputs: {takes}\n\n{summary(nodes)}")
    if options.diagram is not None:
        total = sum(node.parameters for node in nodes)
        _save(draw_nodes(nodes, f"{name} · {total:,} parameters"), options.diagram)


def _make(name: str, options: NetsOptions) -> Any:
    if name in WHOLE:
        return WHOLE[name].make(options)
    if name not in TORSOS:
        known = [*TORSOS, *WHOLE]
        hint = did_you_mean(name, known) or f"; choose from {', '.join(known)}"
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

    print(f"saved     {save_figure(figure, Path(path))}")
