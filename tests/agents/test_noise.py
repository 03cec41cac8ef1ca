import numpy as np
import pytest

from agentlab.agents.noise import RATES, ActionNoise


def series(noise_type, steps=4000, n=20):
    noise, rng = ActionNoise(noise_type, 1), np.random.default_rng(0)
    return np.array([noise(n, rng)[:, 0] for _ in range(steps)])  # [steps, n]


@pytest.mark.parametrize("noise_type", RATES)
def test_noise_is_standard_normal_at_every_step(noise_type):
    drawn = series(noise_type, 200, 2000)
    assert np.allclose(drawn.mean(1), 0, atol=0.15)
    assert np.allclose(drawn.std(1), 1, atol=0.1)


def test_only_normal_noise_is_independent_in_time():
    def correlation(noise_type, lag):
        drawn = series(noise_type)
        return (drawn[lag:] * drawn[:-lag]).mean()

    assert correlation("normal", 1) == pytest.approx(0, abs=0.02)
    assert correlation("ornstein-uhlenbeck", 1) == pytest.approx(np.exp(-0.15), abs=0.05)
    assert correlation("ornstein-uhlenbeck", 10) == pytest.approx(np.exp(-1.5), abs=0.05)
    # The mean over the processes of exp(-rate * lag).
    expected = np.exp(-10 * np.array(RATES["pink"])).mean()
    assert correlation("pink", 10) == pytest.approx(expected, abs=0.1)


def test_the_power_of_pink_noise_falls_as_one_over_the_frequency():
    power = (np.abs(np.fft.rfft(series("pink"), axis=0)) ** 2).mean(1)
    frequencies = np.fft.rfftfreq(4000)
    band = (frequencies > 0.002) & (frequencies < 0.1)
    slope, _ = np.polyfit(np.log(frequencies[band]), np.log(power[band]), 1)
    assert slope == pytest.approx(-1, abs=0.15)


def test_noise_is_reset_with_each_episode():
    rng, noise = np.random.default_rng(0), ActionNoise("pink", 1)
    before = noise(5000, rng)
    noise.reset(np.arange(5000) < 2500)
    after = noise(5000, rng)
    assert np.mean(before[:2500] * after[:2500]) == pytest.approx(0, abs=0.1)
    assert np.mean(before[2500:] * after[2500:]) > 0.5


@pytest.mark.parametrize("noise_type", RATES)
def test_noise_is_continued_from_its_state(noise_type):
    noise, rng = ActionNoise(noise_type, 2), np.random.default_rng(0)
    noise(3, rng)
    noise.reset(np.array([True, False, False]))
    restored, same = ActionNoise(noise_type, 2), np.random.default_rng(0)
    same.bit_generator.state = rng.bit_generator.state
    restored.restore(noise.state())
    assert np.array_equal(restored(3, same), noise(3, rng))
    assert restored(5, rng).shape == (5, 2)  # in another number of environments
