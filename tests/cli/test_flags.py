"""Flags are made of dataclasses, whole and once, and read back what they show."""

import ast
import dataclasses
import re
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentlab
from agentlab.agents import ALGORITHMS, agent_class
from agentlab.cli.flags import Parser
from agentlab.config import format_value, option, parse_value
from agentlab.envs import Preprocessing
from agentlab.errors import AgentlabError
from agentlab.experiments.agent_settings import Training


@dataclass(frozen=True)
class Options:
    rate: float = option(0.1, "step size, 5% of it at the end")
    units: tuple[int, ...] = option((64, 64), "units")
    clip: float | None = option(None, "bound")
    kind: Literal["a", "b"] = option("a", "kind")
    long_name: bool = option(True, "on or off")
    count: int = option(3, "how many")
    name: str = option("x", "name")


def parse(words):
    parser = Parser("agentlab", "Text.")
    parser.add_fields(Options, "options")
    return parser.given(words.split())


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", {}),
        ("--rate 0.5", {"rate": 0.5}),
        ("--rate=2", {"rate": 2.0}),
        ("--rate -1e-3", {"rate": -0.001}),
        ("--units 32", {"units": (32,)}),
        ("--units 32,16", {"units": (32, 16)}),
        ("--units 32 16 --count 4", {"units": (32, 16), "count": 4}),
        ("--units empty", {"units": ()}),
        ("--clip none", {"clip": None}),
        ("--clip 0.2", {"clip": 0.2}),
        ("--kind b", {"kind": "b"}),
        ("--no-long-name", {"long_name": False}),
        ("--count 1e6", {"count": 1_000_000}),
        ("--count -5 --name -5", {"count": -5, "name": "-5"}),
    ],
)
def test_values_are_read_by_the_type_of_their_field(words, value):
    assert parse(words) == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--rate abc", "--rate 'abc' is not a number"),
        ("--rate nan", "--rate 'nan' is not a number"),
        ("--count 1.5", "--count '1.5' is not an integer"),
        ("--count inf", "--count 'inf' is not an integer"),
        ("--kind c", "--kind 'c' is not one of a, b"),
        ("--clip x", "--clip 'x' is not a number or none"),
        ("--units 1,x", "--units '1,x' is not a list whose items are each an integer"),
        ("--rat 1", "--rat is unknown; did you mean --rate?"),
        ("--ratee=1", "--ratee is unknown; did you mean --rate?"),
        ("--zzz", "--zzz is unknown; see agentlab --help"),
        ("--rate", "--rate: expected one argument"),
        ("word", "'word' is unexpected; pass flags as --name value"),
    ],
)
def test_unfit_words_are_refused_in_a_sentence(words, message):
    with pytest.raises(AgentlabError, match=f"^{re.escape(message)}$"):
        parse(words)


def test_two_dataclasses_cannot_share_a_flag():
    parser = Parser("agentlab", "Text.")
    parser.add_fields(Options, "one")
    with pytest.raises(AgentlabError, match="Options.rate needs another name: --rate is taken"):
        parser.add_fields(Options, "two")


def test_a_field_called_help_is_refused():
    cls = dataclasses.make_dataclass("Odd", [("help", int, 3)])
    with pytest.raises(AgentlabError, match="--help is taken"):
        Parser("agentlab", "Text.").add_fields(cls, "odd")


def test_a_field_without_a_default_is_refused():
    cls = dataclasses.make_dataclass("Odd", [("rate", float)])
    with pytest.raises(AgentlabError, match="Odd must be a dataclass whose fields all have defaul"):
        Parser("agentlab", "Text.").add_fields(cls, "odd")


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_field_is_a_flag_once_with_its_help_and_default(call, algo):
    text = call(f"train --algo {algo} --help").out
    words = " ".join(text.split())
    for cls in (agent_class(algo).Config, Preprocessing, Training):
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            flag = "--" + field.name.replace("_", "-")
            assert len(re.findall(rf"^  {flag}[ ,]", text, re.M)) == 1, flag
            assert (f" --no-{flag[2:]} " in words) == (hints[field.name] in (bool, bool | None))
            help, default = field.metadata["help"], format_value(field.default)
            assert re.search(rf"{re.escape(help)} \([^()]*default: {re.escape(default)}\)", words)


@pytest.mark.parametrize("cls", [agent_class("pg").Config, Preprocessing, Training, Options])
def test_shown_defaults_read_back_as_themselves(cls):
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        shown = format_value(field.default)
        assert parse_value("--x", shown, hints[field.name]) == field.default


@given(
    st.one_of(
        st.tuples(st.just(int | None), st.integers() | st.none()),
        st.tuples(st.just(float), st.floats(allow_nan=False)),
        st.tuples(st.just(bool), st.booleans()),
        st.tuples(st.just(tuple[int, ...]), st.lists(st.integers()).map(tuple)),
        st.tuples(st.just(tuple[float, float] | None), st.none() | st.just((0.5, 1e-9))),
        st.tuples(st.just(Literal["a", 1]), st.sampled_from(["a", 1])),
    )
)
def test_any_value_reads_back_as_itself(pair):
    hint, value = pair
    read = parse_value("--x", format_value(value), hint)
    assert read == value
    assert type(read) is type(value)


def test_help_shows_a_range_that_has_two_ends(call):
    @dataclass(frozen=True)
    class Bounded:
        gamma: float = option(0.99, "discount", ge=0, le=1)
        test: float = option(0.1, "fraction", gt=0, lt=1)
        count: int = option(3, "how many", ge=1)

    parser = Parser("agentlab", "Text.")
    parser.add_fields(Bounded, "bounded")
    text = " ".join(parser.format_help().split())
    assert "discount (0 to 1; default: 0.99)" in text
    assert "fraction (0 to 1 excluding 0 and 1; default: 0.1)" in text
    assert "how many (default: 3)" in text


def test_help_shows_what_a_preset_fills_in(call):
    words = " ".join(call("train --env CartPole-v1 --algo pg --help").out.split())
    assert "--steps N" in words
    assert ", preset cartpole)" in words


def test_words_of_a_list_of_strings_are_its_items():
    @dataclass(frozen=True)
    class Files:
        csv: tuple[str, ...] | None = option(None, "files")
        missing: tuple[str, ...] = option((), "words")
        hidden: tuple[int, ...] = option((), "units")

    parser = Parser("agentlab", "Text.")
    parser.add_fields(Files, "files")
    words = ["--csv", "a,b.csv", "My Documents/c (1).csv", "--missing", "-", "--", "n a"]
    given = parser.given([*words, "--hidden", "3,4", "5"])
    assert given["csv"] == ("a,b.csv", "My Documents/c (1).csv")
    assert given["missing"] == ("-", "--", "n a")
    assert given["hidden"] == (3, 4, 5)
    assert parser.given(["--csv", "none"])["csv"] is None


@pytest.mark.parametrize(
    "package", ["data", "supervised", "unsupervised", "training", "experiments", "nets"]
)
def test_messages_name_only_existing_flags(package):
    root = Path(agentlab.__file__).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py"))
    fields = re.findall(r"^    (\w+): [^\n]*= (?:option|override)\(", sources, re.MULTILINE)
    flags = {name.replace("_", "-") for name in fields}
    flags |= {"no", *re.findall(r'add_argument\(\s*"--([a-z-]+)"', sources)}
    for path in (root / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*[a-z0-9])", node.value))
                assert named <= flags, (path, named - flags)
