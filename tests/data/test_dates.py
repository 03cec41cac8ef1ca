"""Dates are read in all usual formats, and an exported model reads them in the same way."""

import numpy as np
import pytest

from agentlab.data.column_tensors import days_of_dates
from agentlab.data.dates import days, find_dates

FORMS = [
    (["2021-04-13", "2020-02-29"], [18730, 18321]),
    (["2021-04", "2021-05"], [18718, 18748]),
    (["2021-04-13T12:00:00Z", "2021-04-13 14:00:00+02:00"], [18730.5, 18730.5]),
    (["13/04/2021", "01/05/2021"], [18730, 18748]),
    (["04/13/2021", "05/01/2021"], [18730, 18748]),
    (["13.4.2021", "1.5.2021"], [18730, 18748]),
    (["13.04.21", "01.05.21"], [18730, 18748]),
    (["13-Apr-2021", "1-May-2021"], [18730, 18748]),
    (["April 13, 2021", "May 1, 2021"], [18730, 18748]),
    (["13 April 2021 12:00", "1 May 2021 00:00"], [18730.5, 18748]),
    (["Tue, 13 Apr 2021", "Sat, 1 May 2021"], [18730, 18748]),
    (["4/13/21 6:00 PM", "5/1/21 12:00 AM"], [18730.75, 18748]),
    (["20210413", "20210501"], [18730, 18748]),
    (["2021/04/13", "2021/05/01"], [18730, 18748]),
    (["Apr 2021", "May 2021"], [18718, 18748]),
    (["2021Q2", "2021 Q3"], [18718, 18809]),
    (["Q2 2021", "Q3-2021"], [18718, 18809]),
    (["202104131200", "202105010000"], [18730.5, 18748]),
    (["20210413120000", "20210501000000"], [18730.5, 18748]),
    (["20210413T120000", "20210501T000000"], [18730.5, 18748]),
    (["12:00 13/04/2021", "00:00 01/05/2021"], [18730.5, 18748]),
    (["Tue Apr 13 12:00:00 2021", "Sat May 01 00:00:00 2021"], [18730.5, 18748]),
    (["13/Apr/2021:14:00:00 +0200", "01/May/2021:00:00:00 +0000"], [18730.5, 18748]),
    (["Apr-13-2021", "May-01-2021"], [18730, 18748]),
    (["13. März 2021", "1. Mai 2021"], [18699, 18748]),
    (["13 août 2021", "1 mai 2021"], [18852, 18748]),
    (["13 de diciembre de 2021", "1 de mayo de 2021"], [18974, 18748]),
    (["April 13th, 2021", "May 1st, 2021"], [18730, 18748]),
]


@pytest.mark.parametrize(("texts", "expected"), FORMS)
def test_all_usual_date_formats_are_read(texts, expected):
    form = find_dates(texts).format
    np.testing.assert_allclose(days(texts, form), expected)
    found, valid = days_of_dates(np.array(texts), form)
    np.testing.assert_allclose(found.numpy(), expected)
    assert valid.numpy().all()
    assert not days_of_dates(np.array(["yesterday"]), form)[1].numpy().any()


@pytest.mark.parametrize(
    "texts",
    [["red", "13/04/2021"], ["12:30"], ["1.5", "2.5"], ["10.3272"], ["1234.05"], ["a1"], [""]],
)
def test_other_texts_are_not_dates(texts):
    assert find_dates(texts) is None


def test_the_order_of_day_and_month_is_inferred_from_a_series_or_doubtful():
    days_in_order = [f"{i:02}/02/2020" for i in range(1, 9)]
    assert find_dates(days_in_order).format == "%d/%m/%Y"
    months_in_order = [f"{i:02}/02/2020" for i in (1, 2, 4, 3)]
    assert find_dates(months_in_order).doubtful
    assert find_dates(months_in_order).format == "%m/%d/%Y"
    assert find_dates(months_in_order, order="dayfirst").format == "%d/%m/%Y"
    assert find_dates(months_in_order, day_first=True).format == "%d/%m/%Y"
    assert not find_dates(["13/04/2021", "01/05/2021"]).doubtful
