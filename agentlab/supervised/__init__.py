"""Trainers and estimators for supervised learning.

::

    from agentlab.supervised import Classifier

    classifier = Classifier("mlp", hidden=(64,), epochs=20).fit(x, y)
    print(classifier.score(x_test, y_test))
    classifier.save("my_classifier")
    classifier = agentlab.load("my_classifier")
"""

from __future__ import annotations

from typing import Any

from agentlab.registry import Registry, class_in

TRAINERS = Registry(
    "trainer",
    {
        "classifier": "agentlab.supervised.classifier:Classifier",
        "capsules": "agentlab.supervised.capsules:CapsuleClassifier",
        "overlapping_capsules": "agentlab.supervised.overlapping:OverlappingCapsules",
        "regressor": "agentlab.supervised.regressor:Regressor",
        "language_model": "agentlab.supervised.language:LanguageModel",
        "translator": "agentlab.supervised.translator:Translator",
        "forecaster": "agentlab.supervised.forecaster:Forecaster",
        "siamese": "agentlab.supervised.siamese:SiameseTrainer",
    },
)
ESTIMATORS = Registry(
    "estimator",
    {
        "linear_regression": "agentlab.supervised.linear:LinearRegression",
        "perceptron": "agentlab.supervised.perceptron:Perceptron",
    },
)


def __getattr__(name: str) -> Any:
    """Import a class, and TensorFlow with it, when it is first used."""
    return class_in(__name__, name, TRAINERS, ESTIMATORS)
