"""Train an autoencoder on Pong frames from random play; a DQN can start from its encoder.

    python examples/pong_autoencoder.py [FRAMES]
    python scripts/train_agent.py --env PongNoFrameskip-v4 --algo dqn --crop 34,194 \\
        --resize 44 --background 87 --steps 300000 --pretrained runs/frames

A second run writes runs/frames-2; use the folder that the script prints. Frames are small and their
background is black; otherwise, the ball would contribute almost nothing to the loss.
"""

import sys

import numpy as np

import agentlab
from agentlab.agents.presets import preset
from agentlab.envs import Preprocessing
from agentlab.unsupervised import Autoencoder

ENV, ENVS = "PongNoFrameskip-v4", 16
FIELD = {"crop": (34, 194), "resize": 44, "background": (87,)}


def random_frames(count):
    """Return observations collected with random actions, uint8 [count, 44, 44, 4]."""
    rng = np.random.default_rng(0)
    preprocessing = Preprocessing(**{**preset("dqn", ENV).preprocessing, **FIELD})
    with agentlab.make_envs(ENV, ENVS, preprocessing=preprocessing) as envs:
        envs.reset(seed=0)
        steps = [
            envs.step(rng.integers(envs.action_space.n, size=ENVS)).observations.copy()
            for _ in range(-(-count // ENVS))
        ]
    return np.concatenate(steps)[:count]


def main(count=50_000):
    frames = random_frames(count)
    net = preset("dqn", ENV).config["net"]
    options = {"loss": "bce", "batch_size": 128, "learning_rate": 2e-3, "schedule": "cosine"}
    trainer = Autoencoder(net=net, code_size=256, epochs=10, **options)
    with agentlab.Run.create("runs", "frames", {}) as run:
        trainer.fit(frames, run=run)
        print(f"wrote {run.path}: {trainer.evaluate(frames[:1000])}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
