"""The Python blocks of the documentation run, its commands parse, and its links lead to files."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from agentlab.agents import ALGORITHMS
from agentlab.registry import registry_of
from tests.command_lines import check_command, commands

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILT = DOCS / "_build"
SITE = sorted(page for page in DOCS.rglob("*.md") if BUILT not in page.parents)
PAGES = [ROOT / "CONTRIBUTING.md", *SITE]
WITH_CODE = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


def code_of(page):
    """Return a page's Python blocks as one module, each at the line where the page has it."""
    text, code, line = page.read_text(encoding="utf-8"), "", 1
    for match in re.finditer(r"```python\n(.*?)```", text, re.S):
        start = text.count("\n", 0, match.start(1)) + 1
        code += "\n" * (start - line) + match[1]
        line = start + match[1].count("\n")
    return code


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    name = page.stem.replace("-", "_").lower() + "_page"
    (tmp_path / f"{name}.py").write_text(code_of(page), encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_commands_in_the_pages_have_only_existing_flags(capsys):
    wrong = []
    for page in [*PAGES, ROOT / "README.md"]:
        for words in commands(page.read_text(encoding="utf-8")):
            try:
                check_command(words)
            except Exception as error:
                wrong.append(f"{page.name}: {' '.join(words)}: {error}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_commands_with_unknown_flags_are_found():
    for line in (
        "agentlab train --algo ppo --gama 1",
        "agentlab fit --recipe mnist-cnn --n-epochs 2",
        "agentlab play runs/NAME --episode 3",
        "agentlab tune fit --csv x --search rate=1..2",
        "python scripts/nothing.py",
        "agentlab nothing",
    ):
        with pytest.raises(Exception, match="unknown|nothing"):
            check_command(commands(f"```sh\n{line}\n```")[0])


def test_the_index_lists_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in SITE:
        path = page.relative_to(DOCS).as_posix()
        assert path in ("README.md", "index.md") or f"({path})" in index, path
    contents = (DOCS / "index.md").read_text(encoding="utf-8").split()
    for page in DOCS.glob("*.md"):
        listed = page.stem in contents or page.stem.startswith("your-own-")
        assert listed or page.name in ("README.md", "index.md"), page.name


def test_every_algorithm_and_every_trainer_has_a_page_with_its_tables():
    trainers = [name for kind in ("trainer", "estimator") for name in registry_of(kind)]
    for folder, names, tables in (
        ("agents", list(ALGORITHMS), ("presets", "options")),
        ("trainers", trainers, ("recipes", "options")),
    ):
        assert sorted(names) == sorted(page.stem for page in (DOCS / folder).glob("*.md"))
        for name in set(names) - {"random"}:  # which has neither options nor an equation
            page = (DOCS / folder / f"{name}.md").read_text(encoding="utf-8")
            assert page.startswith(f"# {name}\n") and "\n## Equation\n" in page, name
            for table in tables:
                assert f"```{{{table}}} {name}\n" in page, (name, table)
