"""Every trainer and estimator passes the suites of agentlab.testing.learners."""

import pytest

from agentlab.testing.learner_case import registered_cases
from agentlab.testing.learners import estimator_checks, trainer_checks


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep the feature classifiers of GANs out of the user's cache."""
    monkeypatch.setenv("AGENTLAB_DATA", str(tmp_path_factory.getbasetemp() / "data"))


TRAINERS, ESTIMATORS = registered_cases("trainer"), registered_cases("estimator")


@pytest.mark.parametrize("check", trainer_checks())
@pytest.mark.parametrize("case", TRAINERS, ids=str)
def test_every_trainer_conforms(case, check):
    check(case)


@pytest.mark.parametrize("check", estimator_checks())
@pytest.mark.parametrize("case", ESTIMATORS, ids=str)
def test_every_estimator_conforms(case, check):
    check(case)
