"""Generated tables as people write them, with the values that a reader must find in them."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DATES = (
    *("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y"),
    *("%d %b %Y", "%b %d, %Y", "%d-%b-%y", "%B %d, %Y", "%d %B %Y", "%a, %d %b %Y", "%Y%m%d"),
    *("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p"),
)
LABELS = (
    ("ja", "nein"),
    ("cat", "dog", "bird"),
    ("0", "1"),
    ("yes", "no"),
    ("red wine", "gin-tonic", "ale"),
)
ABSENT = ("", "NA", "N/A", "-", "--", "unknown", "None", "?", "nan", "NULL", "n.a.", "#N/A", ".")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")


@dataclass
class Written:
    """A table: the text of its file, and what is in it.

    Attributes:
        text: the file, in ``encoding``.
        columns: the values of each column; ``None`` where missing, days since 1970 for dates.
        kinds: what each column is: ``number``, ``date``, ``category`` or ``boolean``.
        rest: rows of the same file as another file, its columns in another order.
    """

    encoding: str
    text: str = ""
    columns: dict = field(default_factory=dict)
    kinds: dict = field(default_factory=dict)
    rest: str = ""
    about: str = ""


def write_table(seed):
    """Return a random table with the target ``y``; equal seeds give equal tables."""
    r = random.Random(seed)
    n = r.randint(30, 60)
    separator = r.choice(",;\t|")
    made = Written(r.choice(ENCODINGS))
    decimal = r.choice(".,")
    cells = {}
    names = r.sample(["größe", "Höhe (m)", "x 1", "rate%", "tag", "art", "ok?"], r.randint(3, 7))
    for name in [*names, "y"]:
        kind = {"tag": "date", "art": "category", "ok?": "boolean"}.get(name, "number")
        if name == "y":
            kind = r.choice(["number", "category"])
        made.kinds[name] = kind
        made.columns[name], cells[name] = {
            "number": lambda: _numbers(r, n, decimal),
            "date": lambda: _dates(r, n),
            "category": lambda: _labels(r, n),
            "boolean": lambda: _booleans(r, n),
        }[kind]()
    end = r.choice(["\n", "\r\n"])
    always = r.random() < 0.15  # quote all cells

    def line(row):
        return separator.join(_quoted(r, text, separator, always) for text in row)

    order = [*names, "y"]
    r.shuffle(order)
    lines = [line(order), *(line([cells[name][i] for name in order]) for i in range(n))]
    made.text = end.join(lines) + r.choice(["", end, end + end])
    order = [name for name in order if name != "y"]
    r.shuffle(order)
    lines = [line(order), *(line([cells[name][i] for name in order]) for i in range(n))]
    made.rest = end.join(lines) + end
    made.about = f"seed {seed}: {separator!r} {decimal!r} {made.encoding}"
    return made


def _quoted(r, text, separator, always):
    if always or separator in text or '"' in text or r.random() < 0.05:
        return '"' + text.replace('"', '""') + '"'
    return text


def _missing(r):
    """Return the word for a missing cell in a column, and the fraction of such cells."""
    return r.choice(ABSENT), r.choice([0, 0, 0.1, 0.3])


def _numbers(r, n, decimal):
    thousands = r.choice(["", "", ",", " ", "'"] if decimal == "." else ["", "", ".", " ", "\xa0"])
    unit = r.choice(["", "", "", "", "$", "€", "£", "%", " kg", " km/h", "°C", "USD "])
    scale, places = r.choice([1, 100, 1e4, 1e7]), r.choice([1, 2, 4])
    minus = r.choice(["-", "-", "-", "\u2013", "()", "after"])
    word, share = _missing(r)
    values = [round(r.uniform(-1, 1) * scale, places) for _ in range(n)]
    if r.random() < 0.2:
        values = [abs(value) for value in values]
    texts = []
    for value in values:
        text = f"{abs(value):,.{places}f}" if thousands else f"{abs(value):.{places}f}"
        text = text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)
        text = unit + text if unit in ("$", "€", "£", "USD ") else text + unit
        if value < 0:
            text = {"()": f"({text})", "after": f"{text}-"}.get(minus, minus + text)
        texts.append(text)
    absent = [r.random() < share for _ in range(n)]
    values = [None if gone else value for value, gone in zip(values, absent, strict=True)]
    return values, [word if gone else text for text, gone in zip(texts, absent, strict=True)]


def _dates(r, n):
    form = r.choice(DATES)
    word, share = _missing(r)
    start = datetime(r.randint(1990, 2020), 1, 1)
    moments = [
        start + timedelta(days=r.randint(0, 900), minutes=r.randint(0, 1439)) for _ in range(n)
    ]
    if r.random() < 0.3:
        moments = [start + timedelta(days=i) for i in range(n)]
    texts = [moment.strftime(form) for moment in moments]
    days = []
    for moment in moments:
        if "%H" not in form and "%I" not in form:
            moment = moment.replace(hour=0, minute=0)
        days.append((moment - datetime(1970, 1, 1)).total_seconds() / 86_400)
    absent = [r.random() < share for _ in range(n)]
    values = [None if gone else day for day, gone in zip(days, absent, strict=True)]
    return values, [word if gone else text for text, gone in zip(texts, absent, strict=True)]


def _labels(r, n):
    labels, slips = r.choice(LABELS), r.random() < 0.5
    values = [r.choice(labels) for _ in range(n)]
    texts = []
    for value in values:
        slip = r.random() if slips else 1
        text = f" {value}" if slip < 0.05 else f"{value}  " if slip < 0.1 else value
        if 0.1 < slip < 0.13:
            text = f"{value}.0" if value.isdigit() else value.upper() if len(value) > 2 else value
        texts.append(text)
    return values, texts


def _booleans(r, n):
    pair = r.choice(
        [("no", "yes"), ("false", "true"), ("N", "Y"), ("False", "True"), ("off", "on")]
    )
    word, share = _missing(r)
    values = [r.randrange(2) for _ in range(n)]
    texts = [pair[value] for value in values]
    absent = [r.random() < share for _ in range(n)]
    values = [None if gone else value for value, gone in zip(values, absent, strict=True)]
    return values, [word if gone else text for text, gone in zip(texts, absent, strict=True)]
