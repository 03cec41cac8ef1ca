PYTHON ?= python

.PHONY: check commit-checks docs format lint types test slow

# All that must pass before a merge.
check: lint types test

# The quick checks, after formatting: what the pre-commit hooks run, on all files.
commit-checks: format types

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest

slow:
	$(PYTHON) -m pytest -m slow

# The documentation site, in docs/_build; needs pip install -e ".[docs]".
docs:
	$(PYTHON) -m sphinx --fail-on-warning --keep-going -q docs docs/_build
	@echo "open docs/_build/index.html"
