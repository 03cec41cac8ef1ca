from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from agentlab.errors import AgentlabError
from agentlab.nets import make_net, make_torso
from agentlab.nets.layer_graph import Node, layer_graph
from agentlab.nets.policy_value import PolicyValue
from agentlab.nets.residual import ResidualBlock
from agentlab.nets.seq2seq import Seq2Seq
from agentlab.nets.siamese import Siamese
from agentlab.nets.transformer import Transformer
from agentlab.plots.net_diagram import draw_net, draw_nodes, summary
from tests.nets.test_registry import DISTINCT, small


def arrows(nodes):
    return {(nodes[source].name, node.name) for node in nodes for source in node.sources}


def boxes(figure):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]


@pytest.mark.parametrize("name", DISTINCT)
def test_all_layers_of_every_registered_net_are_found(name):
    net, _ = small(name)
    nodes = layer_graph(net)
    assert sum(node.parameters for node in nodes) == net.count_params()
    assert nodes[0].name == "input"
    assert (nodes[-1].name, nodes[-1].shape) == ("output", (None, 3))
    reached = {len(nodes) - 1}  # every layer lies on a way from the input to the output
    for place in reversed(range(len(nodes))):
        if place in reached:
            reached |= nodes[place].sources
    assert reached == set(range(len(nodes)))


def test_a_subclassed_nets_layers_are_found_in_order_with_shapes_and_parameters():
    nodes = layer_graph(make_net("lenet", (28, 28, 1), 10))
    assert [(n.name, n.kind, n.shape, n.parameters) for n in nodes] == [
        ("input", "", (None, 28, 28, 1), 0),
        ("torso/conv_0", "Conv2D 5x5 relu", (None, 28, 28, 32), 832),
        ("torso/pool_0", "MaxPooling2D 2x2", (None, 14, 14, 32), 0),
        ("torso/conv_1", "Conv2D 5x5 relu", (None, 14, 14, 64), 51_264),
        ("torso/pool_1", "MaxPooling2D 2x2", (None, 7, 7, 64), 0),
        ("torso/flatten", "Flatten", (None, 3136), 0),
        ("torso/dense", "Dense relu", (None, 1024), 3_212_288),
        ("torso/drop", "Dropout 0.5", (None, 1024), 0),
        ("head", "Dense", (None, 10), 10_250),
        ("output", "", (None, 10), 0),
    ]
    assert [node.sources for node in nodes] == [set(), *({i} for i in range(9))]


def test_branches_in_a_call_are_followed():
    nodes = layer_graph(make_net("text_cnn", (9,), 2, vocabulary=20))
    assert arrows(nodes) == {
        ("input", "torso/embedding_trained"),
        *(("torso/embedding_trained", f"torso/conv_{width}") for width in (3, 4, 5)),
        *((f"torso/conv_{width}", "torso/drop") for width in (3, 4, 5)),
        ("torso/drop", "head"),
        ("head", "output"),
    }


def test_a_skip_connection_is_followed():
    block = ResidualBlock(4)
    block.build((None, 8, 8, 4))
    assert ("input", "output") in arrows(layer_graph(block))
    assert ("norm_1", "output") in arrows(layer_graph(block))


def test_functional_models_have_the_arrows_of_their_graph():
    inputs = keras.Input((4,), name="x")
    one = keras.layers.Dense(3, name="one")(inputs)
    two = keras.layers.Dense(3, name="two")(one)
    both = keras.layers.Add(name="both")([one, two])
    nodes = layer_graph(keras.Model(inputs, both))
    assert arrows(nodes) == {
        ("input", "one"),
        ("one", "two"),
        ("one", "both"),
        ("two", "both"),
        ("both", "output"),
    }


def test_a_layer_that_is_called_twice_is_shown_twice_and_counted_once():
    inputs = keras.Input((3,))
    layer = keras.layers.Dense(3, name="again")
    nodes = layer_graph(keras.Model(inputs, layer(layer(inputs))))
    assert [(n.name, n.parameters) for n in nodes[1:-1]] == [("again", 12), ("again", 0)]


def test_weights_outside_of_layers_are_shown():
    class Scaled(keras.Model):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), name="scale")
            self.dense = keras.layers.Dense(2, name="dense")
            self.dense.build(shape)
            self.built = True

        def call(self, inputs):
            return self.dense(inputs * self.scale)

    net = Scaled()
    net.build((None, 3))
    nodes = layer_graph(net)
    assert ("scale", "weights", (3,), 3) in [(n.name, n.kind, n.shape, n.parameters) for n in nodes]
    assert {("input", "dense"), ("scale", "dense"), ("dense", "output")} == arrows(nodes)


def test_layers_in_a_loop_are_connected_to_those_outside():
    class Looping(keras.Model):
        def __init__(self):
            super().__init__()
            self.before, self.inside, self.after = (
                keras.layers.Dense(3, name=name) for name in ("before", "inside", "after")
            )

        def build(self, shape):
            for layer in (self.before, self.inside, self.after):
                layer.build((None, 3))
            self.built = True

        def call(self, inputs):
            start = (0, self.before(inputs))
            _, x = tf.while_loop(lambda i, _: i < 4, lambda i, x: (i + 1, self.inside(x)), start)
            return self.after(x)

    net = Looping()
    net.build((None, 3))
    chain = ["input", "before", "inside", "after", "output"]
    assert arrows(layer_graph(net)) == set(pairwise(chain))


@pytest.mark.parametrize("attention", ["luong", "bahdanau"])
def test_all_layers_of_a_translator_are_found(attention):
    net = Seq2Seq(20, 30, embedding=8, units=8, attention=attention)
    net.build(((None, None), (None, None)))
    nodes = layer_graph(net)
    assert sum(node.parameters for node in nodes) == net.count_params()
    unused = set(range(len(nodes))) - {source for node in nodes for source in node.sources}
    assert [nodes[place].name for place in unused] == ["output"]


def test_nets_of_several_inputs_and_outputs_are_shown():
    siamese = layer_graph(Siamese(make_torso("lenet", (8, 8))))
    assert [node.name for node in siamese[:2]] == ["input 0", "input 1"]
    torso = make_torso("mlp", (4,), name="torso")
    nodes = layer_graph(PolicyValue(torso, 2, gaussian=True))
    assert {("policy", "output 0"), ("value", "output 1")} < arrows(nodes)
    assert sum(node.parameters for node in nodes) == (4 * 64 + 64) + (64 * 64 + 64) + 65 * 3 + 2


def test_tracing_does_not_change_a_net():
    net, inputs = small("lenet")
    before, outputs = net.get_weights(), np.asarray(net(inputs))
    layer_graph(net)
    assert "call" not in vars(net.head)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    assert np.array_equal(net(inputs), outputs)


def test_a_net_of_unknown_input_shape_needs_example_inputs():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2, name="dense")

        def call(self, inputs):
            return self.dense(inputs["a"])

    with pytest.raises(
        AgentlabError, match="the input shape of the net 'plain' is unknown: call it"
    ):
        layer_graph(Plain())
    nodes = layer_graph(Plain(), {"a": np.zeros((5, 3), np.float32)})
    assert [node.shape for node in nodes] == [(None, 3), (None, 2), (None, 2)]
    assert layer_graph(Plain(), {"a": tf.TensorSpec((None, 3))})[1].parameters == 8


def test_a_summary_has_a_line_for_each_layer_and_the_total():
    lines = summary(layer_graph(make_net("mlp", (784,), 10))).splitlines()
    assert lines == [
        "layer          kind        output shape  parameters",
        "input                      [·, 784]               0",
        "torso/dense_0  Dense tanh  [·, 64]           50,240",
        "torso/dense_1  Dense tanh  [·, 64]            4,160",
        "head           Dense       [·, 10]              650",
        "output                     [·, 10]                0",
        "total                                        55,050",
    ]


@pytest.mark.parametrize("name", ["lenet", "text_cnn", "gru"])
def test_an_image_has_a_box_for_each_layer_with_its_texts_inside(name):
    net, _ = small(name)
    nodes = layer_graph(net)
    figure = draw_net(net)
    FigureCanvasAgg(figure).draw()
    found = boxes(figure)
    assert len(found) == len(nodes)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert all(node.name in texts for node in nodes)
    extents = [box.get_window_extent() for box in found]
    for text in figure.axes[0].texts:
        extent = text.get_window_extent()
        assert any(
            box.x0 <= extent.x0
            and extent.x1 <= box.x1
            and box.y0 <= extent.y0 < extent.y1 <= box.y1
            for box in extents
        ), text.get_text()
    assert figure.axes[0].get_title() == f"{name} · {net.count_params():,} parameters"


def test_boxes_never_overlap_and_arrows_go_around_them():
    rng = np.random.default_rng(0)
    for _ in range(20):
        nodes = [Node("input", "", (None,))]
        for i in range(1, 12):
            sources = {
                int(s) for s in rng.choice(i, min(i, int(rng.integers(1, 4))), replace=False)
            }
            nodes.append(Node(f"layer_{i}", "Dense", (None, i), 3, sources))
        figure = draw_nodes(nodes)
        frames = [box.get_bbox() for box in boxes(figure)]
        for i, a in enumerate(frames):
            for b in frames[:i]:
                assert a.x1 < b.x0 or b.x1 < a.x0 or a.y1 < b.y0 or b.y1 < a.y0
        for patch in figure.axes[0].patches:
            if isinstance(patch, FancyArrowPatch):
                for x, y in patch.get_path().interpolated(5).vertices[1:-1]:
                    inside = [f for f in frames if f.x0 < x < f.x1 and f.y0 < y < f.y1]
                    assert not inside


def test_arrows_point_down():
    nodes = layer_graph(make_net("text_cnn", (9,), 2, vocabulary=20))
    figure = draw_nodes(nodes)
    patches = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)]
    assert len(patches) == sum(len(node.sources) for node in nodes)
    for patch in patches:
        heights = patch.get_path().vertices[:, 1]
        assert heights[0] == max(heights) > min(heights) == heights[-1]


def test_a_transformer_can_be_drawn():
    net = Transformer(20, 30, width=8, layers=2, heads=2, feed_forward=16)
    net.build(((None, None), (None, None)))
    assert len(boxes(draw_net(net))) == len(layer_graph(net))
