"""Trainers: nets that learn from examples with answers.

::

    from agentlab.supervised import Classifier

    classifier = Classifier("mlp", hidden=(64,), epochs=20).fit(x, y)
    print(classifier.score(x_test, y_test))
    classifier.save("my_classifier")
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError

if TYPE_CHECKING:
    from agentlab.training.trainer import Trainer

TRAINERS = {
    "classifier": "agentlab.supervised.classifier:Classifier",
    "regressor": "agentlab.supervised.regressor:Regressor",
    "linear_regression": "agentlab.supervised.linear:LinearRegression",
    "perceptron": "agentlab.supervised.perceptron:Perceptron",
    "language_model": "agentlab.supervised.language:LanguageModel",
    "translator": "agentlab.supervised.translator:Translator",
    "forecaster": "agentlab.supervised.forecaster:Forecaster",
    "siamese": "agentlab.supervised.siamese:SiameseTrainer",
}


def trainer_class(name: str) -> type[Trainer]:
    """Return the trainer that ``TRAINERS`` lists under ``name``.

    Raises:
        AgentlabError: for an unknown name.
    """
    if name not in TRAINERS:
        hint = did_you_mean(name, TRAINERS) or f"; there are {', '.join(TRAINERS)}"
        raise AgentlabError(f"trainer={name!r} is unknown{hint}")
    module, cls = TRAINERS[name].split(":")
    found: type[Trainer] = getattr(import_module(module), cls)
    return found


def load_trainer(directory: Path | str) -> Trainer:
    """Load whatever trainer ``save`` wrote to ``directory``. Runs no code from the files.

    Raises:
        AgentlabError: for missing or damaged files.
    """
    from agentlab.training.trainer import read_description

    return trainer_class(str(read_description(directory).get("trainer"))).load(directory)


def __getattr__(name: str) -> Any:
    """Load a trainer's class when it is asked for, and TensorFlow with it."""
    for path in TRAINERS.values():
        if path.endswith(f":{name}"):
            return getattr(import_module(path.split(":")[0]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
