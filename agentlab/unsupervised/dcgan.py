"""``DCGAN``: a GAN with strided convolutions, for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from agentlab.config import option, override
from agentlab.nets import GENERATORS, make_torso
from agentlab.training.optimization import Optimization
from agentlab.unsupervised.gan import GAN
from agentlab.unsupervised.gan_options import GANOptions


@dataclass(frozen=True)
class DCGANConfig(GANOptions):
    """Hyperparameters of ``dcgan``."""

    filters: int = option(64, "channels of the layer closest to the image in both nets", ge=1)
    learning_rate: float = override(Optimization, "learning_rate", 2e-4)


class DCGAN(GAN):
    """A GAN with strided convolutions (Radford et al. 2016).

    Height and width must be 4, 5, 6 or 7 times the same power of 2, such as 28, 48 or 64 pixels.
    """

    name = "dcgan"
    Config: ClassVar[type] = DCGANConfig

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ``InvalidArgument`` for a size that a DCGAN cannot generate."""
        from agentlab.nets.generators import dcgan_depth

        dcgan_depth(shape)

    def make_generator(self, shape: tuple[int, ...]) -> Any:
        """Build the generator for images of ``shape``."""
        config = self.config
        return GENERATORS.load("dcgan")(
            config.latent_dim, shape, config.filters, self.pixels, self.seed, name="generator"
        )

    def make_discriminator(self, shape: tuple[int, ...]) -> Any:
        """Build the discriminator's torso for images of ``shape``."""
        from agentlab.nets.discriminators import discriminator_depth

        config = self.config
        return make_torso(
            "dcgan",
            shape,
            filters=config.filters,
            depth=discriminator_depth(*shape[:2]),
            spectral_norm=config.spectral_norm,
            scale=1.0,
            seed=self.seed + 1000,
            name="torso",
        )
