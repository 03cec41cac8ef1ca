import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.monitoring import show_network
from agentlab.nets import make_torso
from agentlab.testing.envs import Bars


def told_about(side, capsys):
    envs = agentlab.make_envs(lambda: Bars(side=side, high=255), 2)
    show_network(None, agentlab.make_agent("ppo", envs, net="small_cnn"))
    return capsys.readouterr().err


def test_a_cnn_that_leaves_out_part_of_the_images_is_reported_once(capsys):
    told = told_about(42, capsys)
    assert told.count("net='small_cnn' sees only 36 of 42 rows and 36 of 42 columns") == 1
    assert "all of an image of 44 x 44 pixels" in told
    assert not told_about(44, capsys) and not told_about(36, capsys)


@pytest.mark.parametrize("net", ["small_cnn", "nature_cnn"])
@pytest.mark.parametrize("size", [42, 64, 84])
def test_the_features_depend_on_the_covered_pixels_only(net, size):
    torso = make_torso(net, (size, size, 1), seed=0, scale=1.0)
    image = tf.random.stateless_uniform((1, size, size, 1), [0, 1])
    with tf.GradientTape() as tape:
        tape.watch(image)
        features = tf.reduce_sum(torso(image))
    slopes = np.abs(tape.gradient(features, image).numpy()[0, ..., 0])
    covered = torso.covered(size)
    assert slopes[:covered, :covered].any(0).all() and slopes[:covered, :covered].any(1).all()
    assert not slopes[covered:].any() and not slopes[:, covered:].any()
