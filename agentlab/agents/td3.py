"""Twin delayed deep deterministic policy gradients (TD3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from agentlab.agents.ddpg import DDPG, DDPGConfig
from agentlab.agents.off_policy import Minibatch
from agentlab.config import option
from agentlab.lazy import tf


@dataclass(frozen=True)
class TD3Config(DDPGConfig):
    """Hyperparameters of ``td3``; the defaults of its own options are those of the paper."""

    policy_delay: int = option(
        2, "updates of the critics per update of the policy and the target networks", gt=0
    )
    target_policy_noise: float = option(
        0.2, "standard deviation of the noise added to the actions of the target policy", ge=0
    )
    target_noise_clip: float = option(0.5, "largest absolute value of that noise", ge=0)


class TD3(DDPG):
    """DDPG with twin critics, target policy smoothing and delayed policy updates.

    Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods".
    """

    name = "td3"
    Config: ClassVar[type] = TD3Config
    config: TD3Config
    n_critics = 2  # their minimum is the target: clipped double Q-learning (section 4.2)
    noises = 1

    def target_actions(self, next_observations: Any, noise: tuple[Any, ...]) -> Any:
        """Return the target policy's actions with clipped noise, ``[b, size]`` (section 5.3)."""
        config, actions = self.config, super().target_actions(next_observations, noise)
        clip = config.target_noise_clip
        smoothing = tf.clip_by_value(config.target_policy_noise * noise[0], -clip, clip)
        return tf.clip_by_value(actions + smoothing, -1.0, 1.0)

    def update_policy(self, batch: Minibatch) -> Any:
        """Update the policy and the targets after every ``policy_delay`` updates (section 5.2)."""
        due = self.critic_optimizer.iterations.value % self.config.policy_delay == 0
        update = super().update_policy
        return tf.cond(due, lambda: update(batch), lambda: tf.zeros(3))
