"""Numbers are read as people write them; other texts are never numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlab.data.number_forms import NumberForm, decimal_evidence, find_numbers

WRITTEN = [
    (["18,1", "7,0"], (",", "", ""), [18.1, 7]),
    (["1,966", "314,900", "12"], (".", ",", ""), [1966, 314900, 12]),
    (["1.234,50", "7"], (",", ".", ""), [1234.5, 7]),
    (["1 234,5", "2\u00a0000,25", "3\u202f000"], (",", " ", ""), [1234.5, 2000.25, 3000]),
    (["1'234.5", "7"], (".", "'", ""), [1234.5, 7]),
    (["12,34,567", "1,000"], (".", ",", ""), [1234567, 1000]),
    (["$1,234.50", "-$5", "($7)"], (".", ",", "$"), [1234.5, -5, -7]),
    (["€ 1.200,50", "3 €"], (",", ".", "€"), [1200.5, 3]),
    (["12 %", "3%", "\u22124 %"], (".", "", "%"), [12, 3, -4]),
    (["12 kg", "3kg", "5"], (".", "", "kg"), [12, 3, 5]),
    (["20°C", "-3 °C"], (".", "", "°C"), [20, -3]),
    (["USD 5", "USD 1,000"], (".", ",", "USD"), [5, 1000]),
    (["1.2k", "3M", "950"], (".", "", ""), [1200, 3e6, 950]),
    (["12-", "+3"], (".", "", ""), [-12, 3]),
    (["1e5", "2E-3", ".5"], (".", "", ""), [1e5, 2e-3, 0.5]),
    (["6,406e+04", "1,500e-02"], (",", "", ""), [64060, 0.015]),
    (["１２．５", "３"], (".", "", ""), [12.5, 3]),
    (["١٢٫٥", "٣"], (".", "", ""), [12.5, 3]),
]


@pytest.mark.parametrize(("texts", "form", "values"), WRITTEN)
def test_numbers_are_read_as_people_write_them(texts, form, values):
    found = find_numbers(texts)
    assert found.form == NumberForm(*form)
    assert [found.numbers[text] for text in texts] == pytest.approx(values)
    assert found.form.parse(texts).tolist() == pytest.approx(values)  # also in prediction


def test_the_rest_of_the_file_decides_on_ambiguous_numbers():
    assert find_numbers(["1.234", "12.500"]).form == NumberForm()
    assert find_numbers(["1.234", "12.500"], hint=",").form == NumberForm(",", ".")
    assert find_numbers(["1.5"], hint=",").form == NumberForm()
    assert find_numbers(["1,234"], decimal=",").numbers == {"1,234": 1.234}
    assert find_numbers(["12,5"], decimal=".").others == ("12,5",)
    assert decimal_evidence(["1,5", "2"]) == ","
    assert decimal_evidence(["1,234", "13.04.2021"]) is None
    assert decimal_evidence(["1.5", "1,5"]) is None


@pytest.mark.parametrize("word", ["-", "None", "unknown", ".", "<NA>", "n/a", "#DIV/0!", "\u2013"])
def test_words_for_a_missing_number_are_missing(word):
    found = find_numbers(["1.5", word])
    assert (found.absent, found.others) == ((word,), ())
    assert np.isnan(found.form.parse([word])).all()


@pytest.mark.parametrize(
    "texts",
    [
        ["a1", "b2"],
        ["3+"],
        ["12:30"],
        ["1.2.3.4"],
        ["2021-01-01"],
        ["red"],
        ["0,123,456"],
        ["1_000"],
    ],
)
def test_other_texts_are_not_numbers(texts):
    assert find_numbers(texts).numbers == {}
    assert np.isinf(NumberForm().parse(texts)).all()


def test_numbers_of_different_units_are_not_mixed():
    assert find_numbers(["12 kg", "3 kg", "500 g"]).others == ("500 g",)
    assert find_numbers(["5%", "7%", "0.5"]).others == ("0.5",)
    assert np.isinf(NumberForm(unit="kg").parse(["500 g"])).all()


NUMBERS = st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda number: round(number, 2))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(NUMBERS, min_size=3, max_size=20),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", ""), (",", "")]),
    st.sampled_from(["", "$", "€", "%", "kg"]),
)
def test_what_is_written_is_read_back(values, marks, unit):
    decimal, thousands = marks
    texts = []
    for value in values:
        text = f"{value:,.2f}".replace(",", "_").replace(".", decimal).replace("_", thousands)
        texts.append(f"{text} {unit}".strip())
    found = find_numbers(list(dict.fromkeys(texts)), hint=decimal)
    assert not found.others
    assert [found.numbers[text] for text in texts] == pytest.approx(values)
