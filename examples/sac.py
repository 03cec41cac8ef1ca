"""A minimal SAC (Haarnoja et al. 2018) for actions between -1 and 1."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from gymnasium import spaces

from agentlab import Agent, option
from agentlab.replay import ReplayBuffer
from agentlab.training.update import Loss, make_update


@dataclass(frozen=True)
class Config:
    learning_rate: float = option(1e-3, "learning rate of the three optimizers")
    gamma: float = option(0.99, "discount factor")
    tau: float = option(0.01, "soft update coefficient of the target critics")
    batch_size: int = option(64, "transitions in a minibatch, and before learning starts")


class SAC(Agent):
    Config = Config
    observation_spaces = action_spaces = (spaces.Box,)

    def build(self):
        keras.utils.set_random_seed(self.seed)
        inputs, size = self.observation_space.shape[0], self.action_space.shape[0]
        self.policy = mlp(keras.layers.Dense, (inputs,), 2 * size)
        self.critics, self.targets = (mlp(twin, (2, inputs + size), 1) for _ in range(2))
        self.targets.set_weights(self.critics.get_weights())
        self.log_alpha = keras.Variable(0.0)
        shapes = (self.observation_space, self.action_space)
        self.replay = ReplayBuffer(*shapes, 10_000, self.num_envs, gamma=self.config.gamma)
        self.optimizers, self.updates = {}, []
        for loss, variables in (
            (self.critic_loss, self.critics.trainable_variables),
            (self.policy_loss, self.policy.trainable_variables),
            (self.alpha_loss, [self.log_alpha]),
        ):
            name = loss.__name__
            self.optimizers[name] = keras.optimizers.Adam(self.config.learning_rate)
            self.updates.append(make_update(loss, (name,), variables, self.optimizers[name]))
        self.choose = tf.function(lambda *given: self.sample(*given)[0], reduce_retracing=True)

    def components(self):
        names = ("policy", "critics", "targets", "log_alpha", "replay")
        return {**{name: getattr(self, name) for name in names}, **self.optimizers}

    def act(self, observations, explore=True):
        return self.choose(observations, explore * self.noise(len(observations))).numpy()

    def noise(self, n):
        return self.rng.standard_normal((n, *self.action_space.shape), np.float32)

    def sample(self, observations, noise):  # actions [b, size], log-probabilities [b]
        mean, log_std = tf.split(self.policy(observations), 2, -1)
        log_std = tf.clip_by_value(log_std, -5.0, 2.0)
        actions = tf.tanh(mean + tf.exp(log_std) * noise)
        density = -0.5 * noise**2 - log_std - 0.919 - tf.math.log(1 - actions**2 + 1e-6)
        return actions, tf.reduce_sum(density, -1)

    def q(self, critics, *inputs):  # [b, 2]
        return critics(tf.stack([tf.concat(inputs, -1)] * 2, 1))[..., 0]

    def critic_loss(self, batch):
        observations, actions, returns, next_observations, discounts, noise = batch
        next_actions, log_probs = self.sample(next_observations, noise)
        next_q = tf.reduce_min(self.q(self.targets, next_observations, next_actions), -1)
        target = returns + discounts * (next_q - tf.exp(self.log_alpha) * log_probs)
        errors = self.q(self.critics, observations, actions) - tf.stop_gradient(target)[:, None]
        return self.scalar("critic_loss", errors**2)

    def policy_loss(self, batch):
        actions, log_probs = self.sample(batch[0], batch[-1])
        q = tf.reduce_min(self.q(self.critics, batch[0], actions), -1)
        return self.scalar("policy_loss", tf.exp(self.log_alpha) * log_probs - q)

    def alpha_loss(self, batch):
        excess = self.sample(batch[0], batch[-1])[1] - self.action_space.shape[0]
        return self.scalar("alpha_loss", -self.log_alpha * tf.stop_gradient(excess))

    def scalar(self, name, losses):
        loss = tf.reduce_mean(losses)
        return Loss(loss, {name: loss})

    def observe(self, step):
        self.replay.add(step)
        size = self.config.batch_size
        if len(self.replay) < size:
            return None
        drawn = self.replay.sample(size, self.rng)
        batch = (drawn.observations, drawn.actions, drawn.returns, drawn.next_observations)
        batch = [(*batch, drawn.discounts, self.noise(size))]
        metrics = {
            name: value for update in self.updates for name, value in update(batch)[0].items()
        }
        for target, weight in zip(self.targets.variables, self.critics.variables, strict=True):
            target.assign_add(self.config.tau * (weight - target))
        return metrics

    def on_episodes_cut(self, envs):
        self.replay.cut(envs)


def mlp(dense, inputs, outputs):
    return keras.Sequential([keras.Input(inputs), dense(64, activation="relu"), dense(outputs)])


def twin(units, activation=None):  # two dense layers in one, with kernels [2, inputs, units]
    shape = {"output_shape": (2, units), "bias_axes": "co"}
    return keras.layers.EinsumDense("bci,cio->bco", activation=activation, **shape)
