"""``agentlab recommend``: recommend items to a user."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.config import Options, option
from agentlab.errors import printable
from agentlab.experiments.plan import fill
from agentlab.experiments.results.recommend import recommend
from agentlab.lazy import without_banners

DESCRIPTION = """List the items with the highest predicted ratings among those that a user has not
rated yet: a user of the training data (--user), or a new user with ratings in a CSV file (--rated),
without retraining."""


@dataclass(frozen=True)
class Wanted(Options):
    """Options of the recommendations."""

    user: str | None = option(None, "id of a user in the training data")
    rated: str | None = option(None, "CSV file (item, rating) with a new user's ratings")
    top: int = option(10, "number of items", ge=1)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("recommend", DESCRIPTION, words, options=Wanted)
    if given is None:
        return 0
    options = fill(Wanted, {}, given)
    out = output_path(given, "recommendations", ".csv")
    with without_banners():
        found = recommend(given["run"], options.user, options.rated, options.top, out)
    for item, title, rating in found:
        print(printable(f"{rating:.2f}  {title}" + ("" if title == item else f" ({item})")))
    print_written("the recommendations", out)
    return 0
