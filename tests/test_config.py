"""Options: their bounds, groups and defaults."""

import dataclasses

import pytest

from agentlab.config import Options, format_value, from_dict, option, override, parse_value, to_dict
from agentlab.errors import AgentlabError, InvalidArgument


@dataclasses.dataclass(frozen=True)
class Group(Options):
    """Options that several share."""

    rate: float = option(0.5, "step size", gt=0, le=1)
    bound: float | None = option(None, "a bound; none for no bound", gt=0)


@dataclasses.dataclass(frozen=True)
class Mine(Group):
    """Options of one."""

    rate: float = override(Group, "rate", 0.25)
    count: int = option(2, "how many", ge=1)
    share: float = option(0.5, "a share", ge=0, le=1)
    below: float = option(0.0, "less than one", ge=0, lt=1)
    sizes: tuple[int, ...] = option((2, 3), "sizes", ge=1)
    fast: bool = option(False, "whether it is fast")

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if self.count > 5 and self.fast:
            raise InvalidArgument(f"count={self.count} must be at most 5 with fast=True")


def test_an_override_changes_the_default_and_nothing_else():
    assert (Group().rate, Mine().rate) == (0.5, 0.25)
    fields = {field.name: field for field in dataclasses.fields(Mine)}
    assert fields["rate"].metadata["help"] == "step size"
    with pytest.raises(InvalidArgument, match="rate=2.0 must be more than 0 and at most 1"):
        Mine(rate=2.0)
    with pytest.raises(StopIteration):
        override(Group, "rat", 1.0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": 0.0}, "rate=0.0 must be more than 0 and at most 1"),
        ({"bound": 0.0}, "bound=0.0 must be more than 0, or none"),
        ({"count": 0}, "count=0 must be 1 or more"),
        ({"share": 1.1}, "share=1.1 must be between 0 and 1"),
        ({"below": 1.0}, "below=1.0 must be at least 0 and less than 1"),
        ({"sizes": (4, 0)}, r"each item of sizes=\(4, 0\) must be 1 or more"),
        ({"count": 6, "fast": True}, "count=6 must be at most 5 with fast=True"),
    ],
)
def test_options_out_of_bounds_are_refused_in_a_sentence(options, says):
    with pytest.raises(InvalidArgument, match=says) as caught:
        Mine(**options)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, AgentlabError)
    with pytest.raises(InvalidArgument, match=says):
        dataclasses.replace(Mine(), **options)
    with pytest.raises(InvalidArgument, match=says):
        from_dict(Mine, options)


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 1.0},
        {"bound": None},
        {"bound": 1e-9},
        {"share": 0.0},
        {"share": 1.0},
        {"below": 0.999},
        {"sizes": ()},
        {"count": 6},
    ],
)
def test_bounds_that_are_included_are_accepted(options):
    Mine(**options)


def test_not_a_number_is_within_no_bounds():
    with pytest.raises(InvalidArgument, match="share=nan must be between 0 and 1"):
        Mine(share=float("nan"))


def test_a_configuration_survives_json_and_checks_names_and_types():
    mine = Mine(sizes=(7,), bound=2.0)
    assert from_dict(Mine, to_dict(mine)) == mine
    assert to_dict(mine)["sizes"] == [7]
    assert from_dict(Mine, {"rate": 1}).rate == 1.0
    for values, says in (
        ({"raet": 1.0}, "Mine has no option 'raet'; did you mean 'rate'"),
        ({"count": 1.5}, "count=1.5 is not an integer"),
        ({"count": True}, "count=True is not an integer"),
        ({"fast": 1}, "fast=1 is not true or false"),
        ({"sizes": 3}, "sizes=3 is not a list whose items are each an integer"),
        ({"bound": "none"}, "bound='none' is not a number or none"),
        ({"rate": float("nan")}, "rate=nan is not a number"),
    ):
        with pytest.raises(InvalidArgument, match=says):
            from_dict(Mine, values)


@pytest.mark.parametrize("value", [3, 0.5, True, None, (1, 2), ()])
def test_flags_read_what_is_written(value):
    hint = {int: int, float: float, bool: bool, tuple: tuple[int, ...]}.get(
        type(value), float | None
    )
    assert parse_value("--flag", format_value(value), hint) == value


def test_a_flag_that_cannot_be_read_is_named():
    with pytest.raises(InvalidArgument, match="--count 'two' is not an integer"):
        parse_value("--count", "two", int)
    assert parse_value("--steps", "1e6", int) == 1_000_000
