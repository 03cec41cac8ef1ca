"""``TextColumn``: what a column of texts means: numbers, dates, booleans, categories."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import replace
from typing import Literal

import numpy as np

from agentlab.data.codes import code_note, find_width
from agentlab.data.column import (
    Column,
    NumberArray,
    TextArray,
    numbers_of,
)
from agentlab.data.column_arrays import day_cells
from agentlab.data.csv_files import CSVFiles
from agentlab.data.dates import DateForm, find_dates, without_absent
from agentlab.data.labels import BOOLEANS, clean_label, find_spellings, label_key
from agentlab.data.number_forms import Found, NumberForm, find_numbers, is_absent
from agentlab.data.target_column import CLASSES, EXAMPLES, LEVELS, Moments, mistakes
from agentlab.errors import AgentlabError

ColumnKind = Literal["number", "category", "date", "dayfirst", "monthfirst", "drop"]
CATEGORIES = 100  # columns with more distinct texts are dropped
# Not counted as numbers: dates, or dates and times, without separators.
COMPACT_DATE = re.compile(r" *(19|20)\d\d(0[1-9]|1[0-2])[0-3]\d([0-2]\d[0-5]\d([0-5]\d)?)? *")
LEADING_ZERO = re.compile(r" *0\d+ *")
SAMPLED = 100  # texts per chunk that are inspected beyond those that are counted
RARE_WORDS = 0.02  # fraction of the cells of a boolean column that may be other words


class TextColumn:
    """A column of texts, to which the training rows are added chunk by chunk.

    Texts are counted in a first pass. If they are numbers or dates, ``meaning`` says how they are
    written, and the same rows are added again by ``add_values``.

    Args:
        name: name of the column.
        kind: its kind if the user gave it, else ``None``.
        identifier: whether the name is that of an identifier.
        files: the source of the texts; ``None`` for a DataFrame.
    """

    def __init__(
        self,
        name: str,
        kind: ColumnKind | None = None,
        identifier: bool = False,
        files: CSVFiles | None = None,
    ) -> None:
        self.name, self.kind, self.identifier, self.files = name, kind, identifier, files
        self.missing = self.known = 0
        self.counts: Counter[str] = Counter()
        self.is_target = True  # whether all texts so far equal the target
        self.meaning: NumberForm | DateForm | None = None
        self._moments, self._absent = Moments(), 0
        self._later: list[str] = []  # some texts of later chunks, if there are too many to count

    def add(self, texts: TextArray, targets: TextArray | None = None) -> None:
        """Add the training rows of a chunk, with their targets as texts if there are any."""
        cells = texts.tolist()  # lists, which are faster for thousands of columns with few rows
        self.is_target &= targets is not None and all(
            label_key(str(cell), True) == label_key(str(target), True)
            for cell, target in zip(cells, targets.tolist(), strict=True)
        )
        counts = Counter(cells)
        missing = sum(counts.pop(cell) for cell in list(counts) if cell != cell)
        self.missing += missing
        self.known += len(cells) - missing
        if len(self.counts) <= CLASSES:
            self.counts.update(counts)
        else:  # dates may be ambiguous in all of the first rows of a sorted file
            self._later += list(counts)[:: max(1, len(counts) // SAMPLED)]

    def find_meaning(self) -> None:
        """Find out from the counted texts whether they are numbers or dates.

        Raises:
            AgentlabError: if the user gave a kind that does not fit, or nearly all texts are
                numbers or dates, so that the others look like mistakes.
        """
        if not self.counts or self.kind == "category" or self._boolean() is not None:
            return
        texts = [*self.counts, *self._later]
        if self.kind is None and find_width(texts):
            return
        if self.files is not None and self.kind is None and not self.identifier:
            written = without_absent(texts)
            if written and all(map(COMPACT_DATE.fullmatch, written)):
                self.meaning = find_dates(written)
                if self.meaning is not None:
                    return
        decimal = None if self.files is None else self.files.given_decimal
        hint = "." if self.files is None else self.files.decimal
        numbers = find_numbers(texts, decimal, hint)
        # Strings of digits in a DataFrame are strings on purpose, unlike those in a file.
        digits = self.files is None and numbers.form == NumberForm() and not numbers.absent
        inferred = self.kind is None and not (
            digits or numbers.others or self.identifier or not numbers.numbers
        )
        if self.kind == "number" or inferred:
            self.meaning = numbers.form
            return
        if self.kind in (None, "date", "dayfirst", "monthfirst") and not self.identifier:
            self._find_dates(texts, "," in (decimal or hint))
        if self.meaning is None and self.kind is None and not self.identifier:
            self._refuse_mistakes(numbers)

    def _find_dates(self, texts: list[str], day_first: bool) -> None:
        order = self.kind if self.kind in ("dayfirst", "monthfirst") else None
        written = without_absent(texts)
        self.meaning = find_dates(written, order, day_first)
        if self.meaning is None and self.kind is not None:
            raise AgentlabError(
                f"column {self.name!r} is not a column of dates: it contains {texts[0]!r}; give it "
                f"another kind, such as --kind {self.name}=category"
            )
        if self.meaning is None and len(written) > LEVELS:
            form = find_dates(written[: len(written) // 2], order, day_first)
            form = form or find_dates(written[len(written) // 2 :], order, day_first)
            if form is not None:
                self._refuse_dates(form)

    def _refuse_dates(self, form: DateForm) -> None:
        for chunk in self.files.chunks({self.name: str}) if self.files is not None else ():
            values, absent = day_cells(chunk.texts([self.name])[:, 0], form.format)
            bad = np.isnan(values) & ~absent
            if bad.any():
                row = int(bad.argmax())
                word, name = (
                    shlex.quote(str(t)) for t in (chunk.frame[self.name].iloc[row], self.name)
                )
                raise chunk.refuse(
                    row,
                    self.name,
                    f"but others are dates ({form.words}); correct it, or pass --missing {word} or "
                    f"--kind {name}=category",
                )

    def _refuse_mistakes(self, found: Found) -> None:
        if self.files is not None and (error := mistakes(self.files, self.name, found)):
            raise error

    def add_values(self, texts: TextArray, numbers: NumberArray | None = None) -> None:
        """Add the training rows of a chunk as numbers or days; see ``find_meaning``.

        Args:
            texts: the rows.
            numbers: the texts as numbers if they were converted before, in the form ``meaning``.

        Raises:
            AgentlabError: for a string that is not a number, a date or a word for a missing value.
        """
        if isinstance(self.meaning, DateForm):
            values, absent = day_cells(texts, self.meaning.format)
            bad, what = np.isnan(values) & ~absent, f"a date ({self.meaning.words})"
        else:
            assert self.meaning is not None
            values = numbers_of(texts, self.meaning) if numbers is None else numbers
            bad, absent, what = np.isinf(values), np.isnan(values), "a number"
        if bad.any():
            text = str(texts[int(bad.argmax())])
            error = f"column {self.name!r} contains {text!r}, which is not {what}"
            if self.files is not None and isinstance(self.meaning, NumberForm):
                raise self.files.find_text({self.name: self.meaning}) or AgentlabError(error)
            raise AgentlabError(error)
        self._absent += sum(cell == cell for cell in texts[absent].tolist())
        self._moments.add(values)

    def column(self) -> Column:
        """Return the fitted column."""
        name, missing, different = self.name, self.missing, len(self.counts)
        examples = tuple(text.strip() for text in list(self.counts)[:EXAMPLES])
        if not different:
            return Column(name, "dropped", missing, note="it is empty")
        if self.is_target and self.kind is None:
            return Column(name, "dropped", missing, examples, "it equals the target")
        if self.meaning is not None:
            return self._measured(examples)
        if boolean := self._boolean():
            return boolean
        spellings = find_spellings(self.counts, exact=self.kind == "category")
        different = len(spellings.counts) if different <= CLASSES else different
        width = find_width(self.counts)
        codes = code_note(name, width) if width and self.kind is None else ""
        if different == 1 and not missing:
            return Column(name, "dropped", missing, examples, "it is the same everywhere")
        limit = CLASSES
        if self.kind is None:
            limit = min(CATEGORIES, max(0 if self.identifier else 10, self.known // 2))
        if different > limit:
            many = f"{different:,}" if different <= CLASSES else f"more than {CLASSES:,}"
            if self.kind is not None:
                raise AgentlabError(
                    f"column {name!r} has {many} categories; at most {limit:,} are allowed"
                )
            note = f"it has {many} different values in {self.known:,} rows"
            note = f"{codes}; {note}" if codes else note
            return Column(name, "dropped", missing, examples, note)
        categories = tuple(sorted(spellings.counts))
        usual = categories.index(max(categories, key=lambda text: spellings.counts[text]))
        merged = sum(sum(others.values()) for others in spellings.merged.values())
        notes = [f"{merged:,} other spellings merged" if merged else "", codes]
        return Column(
            name,
            "category",
            missing,
            examples,
            "; ".join(filter(None, notes)),
            categories=categories,
            usual=usual,
            folded=spellings.folded,
            width=width,
        )

    def _measured(self, examples: tuple[str, ...]) -> Column:
        """Return the column of numbers or dates."""
        moments, missing = self._moments, self.missing + self._absent
        notes = [f"{self._absent:,} words read as missing"] if self._absent else []
        if any(map(LEADING_ZERO.fullmatch, self.counts)):
            notes.append(f"without leading zeros (--kind {self.name}=category keeps them)")
        note = "; ".join(notes)
        base = Column(self.name, "number", missing, examples, note, moments.mean, moments.deviation)
        if not moments.count or (moments.constant and not missing):
            note = "it is the same everywhere" if moments.count else "it is empty"
            return Column(self.name, "dropped", missing, examples, note)
        if isinstance(self.meaning, DateForm):
            doubt = "day and month could be swapped: --kind {}=dayfirst or monthfirst"
            if self.meaning.doubtful:
                note = "; ".join(filter(None, [note, doubt.format(self.name)]))
            return replace(base, kind="date", format=self.meaning.format, note=note)
        form = self.meaning
        assert form is not None
        return replace(base, decimal=form.decimal, thousands=form.thousands, unit=form.unit)

    def _boolean(self) -> Column | None:
        """Return a boolean column, if nearly all texts are the words of one pair."""
        if len(self.counts) > 20:
            return None
        words: Counter[str] = Counter()
        for text, count in self.counts.items():
            words[clean_label(text).lower()] += count
        for pair in BOOLEANS:
            others = {word: count for word, count in words.items() if word not in pair}
            strange = sum(count for word, count in others.items() if not is_absent(word))
            if strange > RARE_WORDS * self.known or not any(word in words for word in pair):
                continue
            if len(words) - len(others) < 2 and others:
                continue
            missing = self.missing + sum(others.values())
            if not missing and len(words) < 2:
                return None
            listed = ", ".join(f"{word!r} ({count:,})" for word, count in others.items())
            return Column(
                self.name,
                "boolean",
                missing,
                tuple(text.strip() for text in list(self.counts)[:EXAMPLES]),
                f"{listed} read as missing" if others else "",
                categories=pair,
                usual=int(words[pair[1]] > words[pair[0]]),
            )
        return None


def merged_notes(column: TextColumn) -> list[str]:
    """Return lines for the user about labels with several spellings in a column of categories."""
    if column.meaning is not None or len(column.counts) > CLASSES:
        return []
    return find_spellings(column.counts, column.kind == "category").notes(column.name)
