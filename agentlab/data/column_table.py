"""The table of columns for the user: kind, missing cells, examples, and encoding of each."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.data.column import Column, Target, say_form

SHOWN = 50  # columns in the table


def describe_columns(columns: Sequence[Column], target: Target | None) -> str:
    """Return a table of the first ``SHOWN`` columns, and of the target if given."""
    rows = [("column", "kind", "missing", "examples", "becomes")]
    for column in columns[:SHOWN]:
        kind = "-" if column.kind == "dropped" else column.kind
        rows.append(_cells(column, kind, column.becomes))
    if len(columns) > SHOWN:
        rows.append(("...", "", "", "", f"{len(columns) - SHOWN:,} more columns"))
    if target is not None:
        becomes = f"one of {len(target.classes)} classes to predict"
        if target.task == "regression":
            written = say_form(target.form)
            becomes = f"the number to predict: mean {target.mean:.4g}"
            becomes += f"; {written}" if written else ""
        rows.append(_cells(target, "target", becomes))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), last])
        for *row, last in rows
    )


def _cells(column: Column | Target, kind: str, becomes: str) -> tuple[str, str, str, str, str]:
    short = (text if len(text) <= 12 else text[:11] + "\u2026" for text in column.examples)
    return column.name, kind, f"{column.missing:,}", ", ".join(short), becomes
