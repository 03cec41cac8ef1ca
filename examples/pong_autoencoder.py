"""An autoencoder of random frames of Pong, whose encoder a DQN can start from.

    python examples/pong_autoencoder.py [FRAMES]
    python scripts/train_agent.py --env PongNoFrameskip-v4 --algo dqn --pretrained runs/frames

The observations are those of the DQN's preset: four stacked frames of 84 x 84 pixels.
"""

import sys

import numpy as np

import agentlab
from agentlab.agents.presets import preset
from agentlab.envs import Preprocessing
from agentlab.unsupervised import Autoencoder

ENV, ENVS = "PongNoFrameskip-v4", 16


def random_frames(count):
    """Return observations of random actions, uint8 [count, 84, 84, 4]."""
    rng = np.random.default_rng(0)
    preprocessing = Preprocessing(**preset("dqn", ENV).preprocessing)
    with agentlab.make_envs(ENV, ENVS, preprocessing=preprocessing) as envs:
        envs.reset(seed=0)
        steps = [
            envs.step(rng.integers(envs.action_space.n, size=ENVS)).observations.copy()
            for _ in range(-(-count // ENVS))
        ]
    return np.concatenate(steps)[:count]


def main(count=50_000):
    frames = random_frames(count)
    trainer = Autoencoder(net=preset("dqn", ENV).config["net"], code_size=256, batch_size=128, epochs=2)
    with agentlab.Run.create("runs", "frames", {}) as run:
        trainer.fit(frames, run=run)
        print(f"wrote {run.path}: {trainer.evaluate(frames[:1000])}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
