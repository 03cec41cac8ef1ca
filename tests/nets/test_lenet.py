import numpy as np

from agentlab.nets import make_net, make_torso
from agentlab.nets.lenet import LeNet
from tests.nets.digits import accuracy_after


def test_lenet_with_a_head_of_ten_has_the_golden_parameter_count():
    net = make_net("lenet", (28, 28, 1), 10)
    first, second = 5 * 5 * 1 * 32 + 32, 5 * 5 * 32 * 64 + 64
    dense, head = 7 * 7 * 64 * 1024 + 1024, 1024 * 10 + 10
    assert first + second + dense + head == 3_274_634
    assert net.count_params() == 3_274_634


def test_features_are_those_of_the_layers_in_their_order():
    torso = make_torso("lenet", (4, 4), filters=(1,), kernel=1, units=2, scale=2.0)
    kernels = [
        np.full((1, 1, 1, 1), 3.0),
        np.array([-1.0]),
        np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]),
        np.array([0.5, 0.0]),
    ]
    torso.set_weights(kernels)
    image = np.arange(16).reshape(1, 4, 4)
    # 3 x / 2 - 1 at the largest of each quarter, 5, 7, 13 and 15: 6.5, 9.5, 18.5 and 21.5.
    np.testing.assert_allclose(torso(image), [[6.5 + 18.5 + 0.5, 0.0]])


def test_dropout_drops_its_share_of_the_features():
    torso = LeNet(units=1000, dropout=0.25, scale=1.0, seed=0)
    images = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    kept = np.asarray(torso(images))
    dropped = np.asarray(torso(images, training=True))
    alive = kept > 0
    assert 0.2 < (dropped[alive] == 0).mean() < 0.3
    still = alive & (dropped > 0)
    np.testing.assert_allclose(dropped[still], kept[still] / 0.75, rtol=1e-5)


def test_lenet_learns_digits():
    arguments = {"filters": (16, 32), "kernel": 3, "units": 64, "scale": 16.0}
    assert accuracy_after(make_net("lenet", (8, 8), 10, seed=0, **arguments), epochs=6) > 0.9
