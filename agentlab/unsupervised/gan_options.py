"""Options of all GANs."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.config import option
from agentlab.errors import InvalidArgument
from agentlab.training.optimization import Optimization
from agentlab.unsupervised.adversarial import AdversarialLoss


@dataclass(frozen=True)
class GANOptions(Optimization):
    """Options of all GANs."""

    latent_dim: int = option(100, "size of the random codes (latent vectors)", ge=1)
    loss: AdversarialLoss = option("non-saturating", "loss of both networks")
    gradient_penalty: float = option(
        10.0, "weight of the gradient penalty; only for loss wasserstein", ge=0
    )
    spectral_norm: bool = option(
        False, "spectral normalization of the discriminator (Miyato et al. 2018)"
    )
    label_smoothing: float = option(
        0.0, "one-sided label smoothing: real inputs have the target 1 minus this", ge=0, lt=1
    )
    generator_steps: int = option(1, "updates of the generator per batch", ge=1)
    discriminator_steps: int = option(
        1, "discriminator updates, one batch each, per generator update", ge=1
    )
    discriminator_learning_rate: float | None = option(
        None, "peak learning rate of the discriminator; none for learning_rate", gt=0
    )
    beta_1: float = option(0.5, "exponential decay rate of Adam's first moment", ge=0, lt=1)
    scored_samples: int = option(
        5000, "samples to score against validation data after each epoch; 0 for none", ge=0
    )

    def check(self) -> None:
        """Raise ``InvalidArgument`` if an option is out of bounds or conflicts with another."""
        super().check()
        if self.generator_steps > 1 and self.discriminator_steps > 1:
            raise InvalidArgument(
                f"generator_steps={self.generator_steps} and "
                f"discriminator_steps={self.discriminator_steps} cannot both be above 1"
            )
        if self.label_smoothing and self.loss != "non-saturating":
            raise InvalidArgument(
                f"label_smoothing={self.label_smoothing} must be 0 for loss={self.loss!r}, which "
                "has no targets"
            )
        if 0 < self.scored_samples < 10:
            raise InvalidArgument(f"scored_samples={self.scored_samples} must be 0, or 10 or more")
