"""Recipes: named training settings for public data sets, with their expected results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError


@dataclass(frozen=True)
class Recipe:
    """A trainer, its settings and its data set, under a name.

    Attributes:
        name: the value of ``--recipe``.
        about: one-line description of the network and the task.
        data: the data set's name in ``agentlab.data.sets``.
        size: description of the data set's size.
        trainer: the trainer's name in ``agentlab.supervised``.
        config: fields of the trainer's configuration.
        expected: expected result on the test split.
        source: the source of the settings.
    """

    name: str
    about: str
    data: str
    size: str
    trainer: str
    config: dict[str, Any] = field(default_factory=dict)
    expected: str = ""
    source: str = ""


BOSTON = "506 rows of 13 numbers, 57 KB"
MNIST = "60,000 + 10,000 images 28x28, 11 MB"

TRANSLATOR = {
    "net": "luong",
    "epochs": 14,
    "learning_rate": 4e-3,
    "schedule": "cosine",
    "warmup_steps": 200,
    "max_grad_norm": 1.0,
    "dropout": 0.3,
    "validation_split": 0.03,
}

RECIPES = [
    Recipe(
        "mnist-logistic",
        "logistic regression on handwritten digits",
        "mnist",
        MNIST,
        "classifier",
        {
            "hidden": (),
            "epochs": 20,
            "batch_size": 128,
            "learning_rate": 3e-3,
            "schedule": "cosine",
            "validation_split": 0.0,
        },
        "accuracy 0.922",
    ),
    Recipe(
        "mnist-mlp",
        "two hidden layers of 256 ReLUs on handwritten digits",
        "mnist",
        MNIST,
        "classifier",
        {
            "hidden": (256, 256),
            "epochs": 25,
            "batch_size": 128,
            "dropout": 0.3,
            "schedule": "cosine",
            "shift": 0.08,
            "rotate": 8.0,
        },
        "accuracy 0.989",
    ),
    Recipe(
        "mnist-cnn",
        "LeNet on handwritten digits: two 5x5 convolutions with pooling, a dense layer of 1,024",
        "mnist",
        MNIST,
        "classifier",
        {
            "net": "lenet",
            "epochs": 12,
            "batch_size": 128,
            "dropout": 0.5,
            "schedule": "cosine",
            "shift": 0.08,
            "rotate": 10.0,
        },
        "accuracy 0.994",
    ),
    Recipe(
        "cifar10-cnn",
        "3x3 convolutions with pooling, a dense layer of 512, on augmented images of ten classes",
        "cifar10",
        "50,000 + 10,000 images 32x32x3, 170 MB",
        "classifier",
        {
            "net": "vgg",
            "epochs": 60,
            "batch_size": 96,
            "schedule": "cosine",
            "flip": True,
            "rotate": 15.0,
            "shift": 0.1,
        },
        "accuracy 0.68 on 10,000 training images",
    ),
    Recipe(
        "cifar10-resnet",
        "a residual network of 20 layers on augmented images of ten classes; needs a GPU",
        "cifar10",
        "50,000 + 10,000 images 32x32x3, 170 MB",
        "classifier",
        {
            "net": "resnet20",
            "epochs": 160,
            "batch_size": 128,
            "optimizer": "sgd",
            "momentum": 0.9,
            "nesterov": True,
            "learning_rate": 0.1,
            "schedule": "cosine",
            "warmup_steps": 400,
            "l2": 1e-4,
            "flip": True,
            "shift": 0.125,
        },
        source="He et al. 2016, section 4.2; cosine instead of steps",
    ),
    Recipe(
        "boston-linear",
        "linear regression on house prices, solved in closed form",
        "boston",
        BOSTON,
        "linear_regression",
    ),
    Recipe(
        "boston-linear-sgd",
        "linear regression on house prices by stochastic gradient descent",
        "boston",
        BOSTON,
        "regressor",
        {
            "hidden": (),
            "epochs": 200,
            "batch_size": 16,
            "optimizer": "sgd",
            "learning_rate": 0.01,
            "schedule": "linear",
        },
    ),
    Recipe(
        "boston-mlp",
        "two hidden layers on house prices",
        "boston",
        BOSTON,
        "regressor",
        {
            "hidden": (64, 64),
            "epochs": 200,
            "batch_size": 16,
            "schedule": "cosine",
            "l2": 3e-3,
            "dropout": 0.1,
            "validation_split": 0.0,
        },
        "RMSE 3.0 over 10 folds",
    ),
    Recipe(
        "imdb-textcnn",
        "sentiment of movie reviews with convolutions over words (Kim 2014)",
        "imdb",
        "25,000 + 25,000 reviews, 84 MB",
        "classifier",
        {"net": "text_cnn", "vocabulary": 20_000, "length": 400, "epochs": 4, "batch_size": 50},
        source="Kim 2014, section 3.1",
    ),
    Recipe(
        "shakespeare",
        "a character-level language model of Shakespeare's plays",
        "shakespeare",
        "1,115,394 characters, 1.1 MB",
        "language_model",
        {
            "units": (448, 448),
            "dropout": 0.4,
            "batch_size": 32,
            "length": 64,
            "epochs": 10,
            "validation_split": 0.05,
        },
        "1.47 nats per character on the last tenth",
    ),
    Recipe(
        "translate-en-de",
        "image captions from English to German",
        "multi30k-en-de",
        "29,000 + 1,014 + 1,000 pairs of sentences, 1.3 MB",
        "translator",
        TRANSLATOR,
        "BLEU 37.9",
    ),
    Recipe(
        "translate-en-fr",
        "image captions from English to French",
        "multi30k-en-fr",
        "29,000 + 1,014 + 1,000 pairs of sentences, 1.3 MB",
        "translator",
        TRANSLATOR,
    ),
    Recipe(
        "forecast",
        "forecasts of sunspots for the next 40 months",
        "sunspots",
        "2,820 months, 45 KB",
        "forecaster",
        {"past": 132, "epochs": 12},
        "RMSE 0.60 times the naive forecast's",
    ),
    Recipe(
        "siamese-mnist",
        "a siamese network that embeds digits in two dimensions",
        "mnist",
        MNIST,
        "siamese",
        {
            "net": "small_lenet",
            "epochs": 12,
            "batch_size": 256,
            "learning_rate": 3e-3,
            "schedule": "cosine",
            "warmup_steps": 200,
        },
        "accuracy 0.977 with 5 nearest neighbors",
        "Hadsell, Chopra & LeCun 2006",
    ),
    Recipe(
        "perceptron",
        "Rosenblatt's perceptron on a Boolean function (--function)",
        "Boolean function",
        "4 rows",
        "perceptron",
        {},
        "accuracy 1 on all 4 rows",
    ),
]


def find_recipe(name: str) -> Recipe:
    """Return the recipe ``name``.

    Raises:
        AgentlabError: if it does not exist.
    """
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    names = [recipe.name for recipe in RECIPES]
    hint = did_you_mean(name, names) or f"; choose from {', '.join(names)}"
    raise AgentlabError(f"recipe={name!r} is unknown{hint}")
