import numpy as np
import pytest

from agentlab.nets import make_net, make_torso
from tests.nets.digits import accuracy_after


def test_vgg_with_a_head_of_ten_has_the_golden_parameter_count():
    net = make_net("vgg", (32, 32, 3), 10)
    first = 3 * 3 * 3 * 32 + 32
    block = (3 * 3 * 32 * 64 + 64) + (3 * 3 * 64 * 64 + 64)
    dense, head = 8 * 8 * 64 * 512 + 512, 512 * 10 + 10
    assert first + block + dense + head == 2_159_114
    assert net.count_params() == 2_159_114


def test_arguments_make_it_deeper():
    torso = make_torso(
        "vgg",
        (32, 32, 3),
        filters=(8, 16, 32),
        convolutions=(2, 2, 3),
        units=(64, 32),
        block_dropout=0.1,
        batch_norm=True,
    )
    convolutions = 9 * (3 * 8 + 8 * 8 + 8 * 16 + 16 * 16 + 16 * 32 + 2 * 32 * 32)
    norms = 4 * (2 * 8 + 2 * 16 + 3 * 32)
    dense = (4 * 4 * 32 * 64 + 64) + (64 * 32 + 32)
    assert torso.count_params() == convolutions + norms + dense
    assert torso.features == 32


def test_without_dense_layers_the_last_block_is_the_features():
    assert make_torso("vgg", (32, 32, 3), units=()).features == 8 * 8 * 64


def test_batch_norm_learns_its_averages_in_training_and_uses_them_outside():
    torso = make_torso("vgg", (8, 8, 1), batch_norm=True, dropout=0.0, seed=0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
    before = np.asarray(torso(images))
    for _ in range(100):  # 0.9 ** 100 of what the averages were at the start is left
        learned = np.asarray(torso(images, training=True))
    after = np.asarray(torso(images))
    assert not np.allclose(before, after, rtol=0.1)
    np.testing.assert_allclose(after, learned, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg_learns_digits(batch_norm):
    arguments = {"filters": (8, 16), "units": (64,), "batch_norm": batch_norm, "scale": 16.0}
    assert accuracy_after(make_net("vgg", (8, 8), 10, seed=0, **arguments), epochs=8) > 0.88
