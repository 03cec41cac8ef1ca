"""Each option acts on arrays, data frames, batches and files alike, or is refused."""

from dataclasses import fields

import keras
import numpy as np
import pandas as pd
import pytest

from agentlab.data import Arrays
from agentlab.data.table import Table
from agentlab.errors import AgentlabError
from agentlab.supervised import Classifier, Regressor

RNG = np.random.default_rng(0)
X = RNG.normal(2, 3, (96, 2)).astype(np.float32)
Y = (X.sum(axis=1) > 4).astype(np.int32)
OTHER = {  # values that differ from the defaults
    "epochs": 3,
    "batch_size": 32,
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "schedule": "cosine",
    "warmup_steps": 2,
    "l1": 0.1,
    "l2": 0.1,
    "max_grad_norm": 0.01,
    "precision": "bfloat16",
    "activation": "tanh",
    "dropout": 0.5,
    "label_smoothing": 0.2,
    "class_weights": "balanced",
    "loss": "absolute",
}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"vocabulary": 50}, "vocabulary=50 has no effect on x, which contains numbers"),
        ({"length": 5}, "length=5 has no effect on x, which contains numbers; it is for texts"),
        ({"net": "lstm", "hidden": (8,)}, r"hidden=\(8,\) has no effect on net='lstm'"),
        ({"patience": 3, "validation_split": 0.0}, "patience=3 has no effect without validation"),
        ({"flip": True}, "flip, rotate, shift and zoom need images"),
        ({"momentum": 0.5}, "optimizer='adam' has no argument 'momentum'"),
        ({"freeze_pretrained": True}, "needs pretrained"),
    ],
)
def test_an_option_without_effect_is_refused(options, told):
    x = X[:, :, None] if options.get("net") == "lstm" else X
    with pytest.raises(AgentlabError, match=told):
        Classifier(epochs=1, **options).fit(x, Y, quiet=True)


def test_options_of_built_in_nets_are_refused_with_a_keras_model():
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    for option in ({"hidden": (8,)}, {"dropout": 0.1}, {"pretrained": "runs/a"}):
        with pytest.raises(AgentlabError, match="has no effect on a net that was passed as a"):
            Classifier(net, epochs=1, **option).fit(X, Y, quiet=True)


def test_measurements_are_not_classes():
    with pytest.raises(AgentlabError, match="96 different numbers in 96 rows.*use Regressor"):
        Classifier(epochs=1).fit(X, X[:, 0], quiet=True)


def test_batches_are_not_split():
    with pytest.raises(AgentlabError, match="validation_split=0.3 has no effect on Batches"):
        Classifier(epochs=1, validation_split=0.3).fit(Arrays(X, Y), classes=[0, 1], quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Classifier, Regressor])
def test_each_option_acts_on_arrays_frames_batches_and_files_alike(tmp_path, cls):
    classifier = cls is Classifier
    targets = Y if classifier else X[:, 0] * 2
    path = tmp_path / "data.csv"
    labels = np.array(["no", "yes"])[Y] if classifier else targets
    path.write_text(
        "a,b,y\n" + "".join(f"{a},{b},{y}\n" for (a, b), y in zip(X, labels, strict=True))
    )
    table = Table(path, "y", validation=0, test=0, standardize=False)
    classes = {"classes": [0, 1]} if classifier else {}
    sources = {
        "arrays": (X, targets),
        "frame": (pd.DataFrame(X, columns=["a", "b"]), targets),
        "batches": (Arrays(X, targets),),
        "file": (table.train,),
    }

    def weights(source, **options):
        trainer = cls(
            **{
                "hidden": (8,),
                "epochs": 2,
                "validation_split": 0.0,
                "standardize": False,
                **options,
            }
        )
        given = classes if len(sources[source]) == 1 else {}
        trainer.fit(*sources[source], quiet=True, **given)
        return np.concatenate([np.ravel(w) for w in trainer.net.get_weights()])

    plain = weights("arrays")
    for field in fields(cls.Config):
        if field.name in OTHER:
            acting = weights("arrays", **{field.name: OTHER[field.name]})
            assert not np.array_equal(acting, plain), field.name  # equal seeds repeat bit for bit
            for source in ("frame", "batches", "file"):
                found = weights(source, **{field.name: OTHER[field.name]})
                np.testing.assert_allclose(found, acting, atol=1e-6, err_msg=field.name)
