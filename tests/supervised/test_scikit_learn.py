"""Classifier and Regressor pass scikit-learn's own checks of estimators."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_estimator

from agentlab.supervised import Classifier, Regressor

# The checks that fail, and why; docs/your-own-data.md lists them too.
EXCEPTIONS = {
    "check_no_attributes_set_in_init": "trainers have attributes before fit, such as history",
    "check_parameters_default_constructible": "net=None stands for the default network, mlp",
    "check_dont_overwrite_parameters": "learned attributes have no trailing underscore",
    "check_do_not_raise_errors_in_init_or_set_params": "values out of range are refused at once",
    "check_n_features_in_after_fitting": "the error message is worded differently",
    "check_complex_data": "the error message is worded differently",
    "check_estimators_empty_data_messages": "the error message is worded differently",
    "check_fit1d": "the error message is worded differently",
    "check_fit2d_predict1d": "the error message is worded differently",
    "check_requires_y_none": "the error message is worded differently",
    "check_supervised_y_2d": "labels [n, 1] are refused, not raveled with a warning",
    "check_classifiers_regression_target": "the error message is worded differently",
    "check_classifiers_train": "the test trains for one epoch only",
    "check_regressors_train": "the test trains for one epoch only",
    "check_regressor_multioutput": "predictions are float32",
    "check_sample_weight_equivalence_on_dense_data": "repeating an example changes the minibatches",
}
PAGE = Path(__file__).parents[2] / "docs" / "your-own-data.md"


def test_the_documentation_lists_the_exceptions() -> None:
    rows = re.findall(r"^\| `(check_\w+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == EXCEPTIONS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cls", [Classifier, Regressor])
def test_all_checks_of_scikit_learn_pass_except_those_with_a_reason(cls: Any) -> None:
    estimator = cls("mlp", hidden=(8,), epochs=1, validation_split=0.0, batch_size=256)
    results = check_estimator(
        estimator, expected_failed_checks=EXCEPTIONS, on_skip=None, on_fail=None
    )
    failed = {r["check_name"]: str(r["exception"]) for r in results if r["status"] == "failed"}
    assert failed == {}
