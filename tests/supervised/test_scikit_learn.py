"""Classifier and Regressor pass scikit-learn's own checks of estimators."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_estimator

from agentlab.supervised import Classifier, Regressor

# The checks that fail, and why.
EXCEPTIONS = {
    "check_no_attributes_set_in_init": "a trainer has attributes before fit, such as history",
    "check_parameters_default_constructible": "net=None is the config's own default, mlp",
    "check_dont_overwrite_parameters": "what was learned has names without a trailing underscore",
    "check_do_not_raise_errors_in_init_or_set_params": "values out of range are refused at once",
    "check_n_features_in_after_fitting": "another number of features is told in words of our own",
    "check_complex_data": "told in words of our own",
    "check_estimators_empty_data_messages": "told in words of our own",
    "check_fit1d": "told in words of our own",
    "check_fit2d_predict1d": "told in words of our own",
    "check_requires_y_none": "told in words of our own",
    "check_supervised_y_2d": "labels [n, 1] are refused instead of raveled with a warning",
    "check_classifiers_regression_target": "numbers may be labels",
    "check_classifiers_train": "one epoch does not reach the accuracy asked for",
    "check_regressors_train": "one epoch does not reach the score asked for",
    "check_sample_weight_equivalence_on_dense_data": "a repeated example changes the batches",
}


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
