"""Daily prices: Google's from matplotlib, a seasonal series with known noise, and any CSV file of the learner's own.

What is wrong in a CSV file is an error where a repair would invent data. Where nothing is lost it is repaired, with a
note that is printed and recorded: rows from newest to oldest are turned round, an adjusted close stands in for a
missing close, and an optional column that cannot be read is left out.
"""

import csv as csv_module
import hashlib
import re
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GOOGLE = "Google's real daily prices 2004-2008 inside matplotlib"
# Of the table's bytes, 1,047 rows of seven little-endian columns: the same however matplotlib packs its file.
GOOGLE_SHA256 = "44aea72223c12b1e150876f45330179e1906f8cdbe12bbd66c475040bb2c2d41"
SEASONAL_LEVEL = 100.0
# Amplitude in dollars, period in trading days, phase in radians: a "month" and a "week".
SEASONAL_CYCLES = ((10.0, 21, 0.0), (6.0, 5, 1.0))

# Enough for windows of 60 days, a chronological split of 80/20 and a validation part.
MIN_DAYS = 300
# Exchanges close for up to eleven days in a row (holidays); a longer silence is a hole in the file.
MAX_GAP_DAYS = 14
# A close that changes by more than this factor in one day is more likely a split than a day's trading.
SPLIT_FACTOR = 1.8
MAX_BYTES = 50_000_000

# How vendors call the columns, the most telling first; only the letters of a name count.
ALIASES = {
    "date": "date tradedate datetime timestamp time day datum",
    "close": "close closelast closeprice closingprice last price schlusskurs schluss adjclose adjustedclose",
    "adj_close": "adjclose adjustedclose",
    "open": "open openprice",
    "high": "high highprice",
    "low": "low lowprice",
    "volume": "volume vol",
    "symbol": "symbol ticker name",
}
OPTIONAL = ("open", "high", "low", "volume", "adj_close")
PRICE_COLUMNS = ("close", "open", "high", "low", "adj_close")
# A title or a cell that is longer names nothing and is no date or number; patterns would be slow on it.
LONGEST = 100
# What may stand between thousands beside the point and the comma: blanks that do not break, apostrophes.
THOUSANDS_MARKS = "\u00a0\u202f\u2019'"
# A hyphen stands for whatever divides day, month and year.
DATE_FORMATS = (
    *("%Y-%m-%d", "%Y%m%d", "%m-%d-%Y", "%d-%m-%Y", "%m-%d-%y", "%d-%m-%y", "%y-%m-%d"),
    *("%b-%d-%Y", "%B-%d-%Y", "%d-%b-%Y", "%d-%B-%Y", "%d-%b-%y"),
)


class Prices(NamedTuple):
    """Daily prices, oldest first.

    Attributes:
        dates: (n,) datetime64[D], each later than the one before.
        close: (n,) float64, the closing price, above 0, in the currency of the source.
        columns: Further columns under the names open, high, low, volume, adj_close (the seasonal series: signal), each
            (n,) float64; only those that the source has.
        provenance: Which data these are.
    """

    dates: "np.ndarray"
    close: "np.ndarray"
    columns: "dict[str, np.ndarray]"
    provenance: store.Provenance


def load(csv: str | Path | None = None, min_days: int = MIN_DAYS) -> Prices:
    """Load daily prices, those of a CSV file where one is named, else Google's; one printed line says which.

    Google's are matplotlib's sample data `goog.npz`: 2004-08-19 to 2008-10-14, 1,047 trading days, in dollars.

    A CSV file names its columns in the first row: a date, a close (or adjusted close) and, where it has them, open,
    high, low and volume, with commas, semicolons or tabs between. Case, order and further columns do not matter. Dates:
    2020-12-31 (with or without a time), 20201231, 12/31/2020, 31/12/2020, 31.12.2020, Dec 31, 2020, 31-Dec-2020; one
    form in all rows. Numbers: a decimal point or comma, thousands separators, "$" signs. Text: UTF-8 or Windows-1252.

    Args:
        csv: Path of the CSV file. A relative one counts from the current folder, then from the project's. None or ""
            for none.
        min_days: Fewer days than this in the CSV file are an error.

    Returns:
        Dates (n,) datetime64[D], close (n,) float64 and the further columns, oldest first, with their provenance.

    Raises:
        store.DataError: The file cannot be read or is not what it should be; the message names the line.
    """
    if csv:
        prices = _own(_locate(csv), min_days)
        print(f"Data: {prices.provenance.note}.")
        return prices
    print(f"Data: {GOOGLE}. For your own, set CSV to the path of a CSV file with a date and a close column.")
    return _google()


def seasonal(num_days: int = 2000, noise: float = 1.5, seed: int = 0) -> Prices:
    """Make a series with a pattern that can be learned and noise that cannot.

    On trading day t = 0, 1, 2, ... the close is, in dollars and rounded to cents,

        close[t] = 100 + 10 sin(2 pi t / 21) + 6 sin(2 pi t / 5 + 1) + noise * e[t]

    with independent e[t] from a standard normal distribution. The noise floor: nobody, not even who knows the formula,
    can forecast with a root mean squared error below `noise` in the long run (of one part of the series: the RMSE of
    `columns["signal"]` against `close` there). "Tomorrow equals today" has an RMSE of 5.8 at the default noise, in
    general sqrt(29.3 + 2 noise^2).

    Args:
        num_days: How many trading days (Monday to Friday), from 2000-01-03 on.
        noise: Standard deviation of the noise in dollars, 0 to 5.
        seed: Decides the noise.

    Returns:
        Dates (n,) datetime64[D] and close (n,) float64 in dollars; `columns["signal"]` is the close without noise.

    Raises:
        ValueError: A number does not fit.
    """
    import numpy as np

    if not isinstance(num_days, int | np.integer) or num_days < 1:
        raise ValueError(f"num_days={num_days!r} does not fit: it counts days. Pass a whole number from 1 on.")
    # The signal is never below 84, so that even 16 standard deviations of the largest noise leave a price above 0.
    if not 0 <= noise <= 5:
        raise ValueError(f"noise={noise!r} does not fit: prices must stay above 0. Pass a number from 0 to 5.")
    day = np.arange(num_days)
    signal = np.full(num_days, SEASONAL_LEVEL)
    for amplitude, period, phase in SEASONAL_CYCLES:
        signal = signal + amplitude * np.sin(2 * np.pi * day / period + phase)
    close = np.round(signal + noise * np.random.default_rng(seed).standard_normal(num_days), 2)
    cents = np.rint(close * 100).astype("<i8").tobytes()
    note = f"synthetic seasonal series, {num_days:,} days, noise {noise:g}, seed {seed}"
    provenance = store.Provenance("seasonal", "bundled", "bundled", len(cents), hashlib.sha256(cents).hexdigest(), note)
    return Prices(np.busday_offset("2000-01-03", day), close, {"signal": signal}, provenance)


def _google() -> Prices:
    """Read Google's prices from matplotlib's sample data."""
    import matplotlib
    import numpy as np
    from matplotlib import cbook

    try:
        with np.load(cbook.get_sample_data("goog.npz", asfileobj=False), allow_pickle=False) as archive:
            table = archive["price_data"]
        digest = hashlib.sha256(table.tobytes()).hexdigest()
        if digest != GOOGLE_SHA256:
            raise ValueError(f"sha256 {digest[:12]}… found, {GOOGLE_SHA256[:12]}… expected")
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise store.DataError(
            f"matplotlib {matplotlib.__version__} does not carry the sample data goog.npz as it should "
            f"({type(error).__name__}: {error}). Install matplotlib anew (`pip install --force-reinstall matplotlib`), "
            "or pass csv= a file of your own."
        ) from error
    columns = {name: table[name].astype(np.float64) for name in OPTIONAL}
    provenance = store.Provenance("stocks", "bundled", "bundled", table.nbytes, digest, GOOGLE)
    return Prices(table["date"].astype("datetime64[D]"), table["close"].astype(np.float64), columns, provenance)


def _locate(csv: str | Path) -> Path:
    """Find the learner's file."""
    found = store.locate(csv, "csv", "Pass the whole path of your CSV file")
    store.refuse(found.is_dir(), csv, "is a folder, not a file", "Pass the path of one CSV file in it")
    store.refuse(not found.is_file(), csv, "is a device or a pipe, not a file", "Pass the path of a CSV file")
    return found


def _own(path: Path, min_days: int) -> Prices:
    """Read and check the learner's file."""
    import numpy as np

    content, text = _text(path)
    table, separator, notes = _table(path, text)
    dates = _dates(path, table["date"])
    _check_symbols(path, dates, table.get("symbol"))
    backwards = _check_days(path, dates, min_days)
    if backwards:
        notes.append("its rows ran from newest to oldest and were turned round")
    if "adj_close" in table and table["close"].name == table["adj_close"].name:
        notes.append(f"{table['close'].name} stands in for the close")
    mark = _mark(path, table, separator)
    columns = {"close": _close(path, table["close"], mark)}
    for name in OPTIONAL:
        if name in table:
            values = _numbers(table[name], mark)
            wrong = ~((values >= 0 if name == "volume" else values > 0) & (values < np.inf))
            if wrong.any():
                notes.append(f"a column is left out ({_first(table[name], wrong)})")
            else:
                columns[name] = values
    order = slice(None, None, -1 if backwards else 1)
    days = dates.to_numpy().astype("datetime64[D]")[order].copy()
    columns = {name: values.to_numpy()[order].copy() for name, values in columns.items()}
    factors = np.exp(np.abs(np.diff(np.log(columns["close"]))))
    if factors.max() > SPLIT_FACTOR:
        day = days[factors.argmax() + 1]
        notes.append(f"the close changes by a factor of {factors.max():.2g} on {day} (a split that is not adjusted?)")
    note = "; note: ".join([f"your {path.name}, {len(days):,} days from {days[0]} to {days[-1]}", *notes])
    provenance = store.Provenance("stocks", "full", "own", len(content), hashlib.sha256(content).hexdigest(), note)
    return Prices(days, columns.pop("close"), columns, provenance)


def _text(path: Path) -> tuple[bytes, str]:
    """Read the file: its bytes, and its text with one kind of line end."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise store.DataError(f"{path} cannot be read ({error.strerror}). Make it readable for your user.") from error
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower()
    page = start.startswith((b"<!doctype", b"<html", b"<head"))
    # Workbooks, archives and UTF-16 hold control characters; a table has only tabs and line ends.
    binary = re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", content) is not None
    store.refuse(len(content) > MAX_BYTES, path, "is too large for daily prices", "Pass the daily prices of one stock")
    store.refuse(not start, path, "is empty", "Pass a CSV file with a date and a close column")
    store.refuse(page, path, "is a web page, not a table", "Use the page's own button for a download as CSV")
    store.refuse(
        binary, path, "is no text file (a workbook, an archive?)", "Save the table as CSV in UTF-8 and pass that"
    )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return content, text.replace("\r\n", "\n").replace("\r", "\n")


def _table(path: Path, text: str) -> "tuple[dict[str, pd.Series], str, list[str]]":
    """Take the known columns: {name: cells by line of the file, under their title there}, the separator, and notes."""
    import pandas as pd

    rows, separator = _split(path, text)
    (_, titles), *body = rows.items()
    if [row[0] for row in list(rows.values())[:3]] == ["Price", "Ticker", "Date"]:
        titles, body = ["Date", *titles[1:]], body[2:]  # as yfinance writes it
    titles = [title[:LONGEST] for title in titles]
    places, notes = _places(path, titles)
    shown = ", ".join(title[:20] for title in titles[:10])
    remedy = "Name the columns in the first row, for example Date,Open,High,Low,Close,Volume"
    for name in ("date", "close"):
        store.refuse(name not in places, path, f"has no {name} column; its first row is {shown}", remedy)
    store.refuse(not body, path, "has a header but no rows", "Pass a file with prices in it")
    for line, row in body:
        few, many = len(row) < len(titles), len(row) > len(titles)
        store.refuse(few, path, f"has fewer values on line {line} than columns", "Complete or remove that line")
        remedy = "Correct that line; decimal commas need quotes around them, or semicolons between the values"
        store.refuse(many, path, f"has more values on line {line} than columns", remedy)
    lines = [line for line, _ in body]
    table = {
        name: pd.Series([row[place] for _, row in body], lines, dtype=object, name=titles[place])
        for name, place in places.items()
    }
    return table, separator, notes


def _split(path: Path, text: str) -> tuple[dict[int, list[str]], str]:
    """Split the text into cells: {line of the file: row}, without the empty rows, and the separator."""
    lines = text.split("\n")
    header = next(line for line in lines if line.strip())
    separator = max(",;\t", key=re.sub('"[^"]*"', "", header).count)
    reader = csv_module.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    rows, line = {}, 1
    try:
        for row in reader:
            if reader.line_num > line:
                raise csv_module.Error("an open quote")
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows[line] = cells
            line = reader.line_num + 1
    except csv_module.Error as error:
        reason = "an open quote" if "unexpected end" in str(error) else error
        raise store.DataError(f"{path} has {reason} on line {line}. Correct that line.") from error
    store.refuse(not rows, path, "is empty", "Pass a CSV file with a date and a close column")
    return rows, separator


def _places(path: Path, titles: list[str]) -> tuple[dict[str, int], list[str]]:
    """Find the known columns: {name: place}, and notes on those that could be meant, too."""
    whole = [re.sub(r"[\s_]", "", title.lower()) for title in titles]
    # "4. close" and "Close (USD)" are a close, but only where no column is called that and nothing else.
    letters = [re.sub(r"\([^()]*\)|[\W\d_]", "", title.lower()) for title in titles]
    places, notes = {}, []
    for name, aliases in ALIASES.items():
        tries = [(keys, alias) for alias in aliases.split() for keys in (whole, letters)]
        keys, alias = next(((keys, alias) for keys, alias in tries if alias in keys), ([], ""))
        if not alias:
            continue
        title = titles[keys.index(alias)]
        if keys.count(alias) == 1:
            places[name] = keys.index(alias)
        elif name in OPTIONAL:
            notes.append(f"several columns are called {title}, so they are left out")
        else:
            trouble = f"has several columns called {title}"
            store.refuse(name in ("date", "close"), path, trouble, "Pass a file with one of them")
    adjusted = ALIASES["adj_close"].split()
    closes = [key in ALIASES["close"].split() and key not in adjusted for key in letters]
    others = [title for place, title in enumerate(titles) if closes[place] and place != places.get("close")]
    if others and "close" in places:
        notes.append(f"{titles[places['close']]} is taken for the close, not {' or '.join(others[:3])}")
    return places, notes


def _check_symbols(path: Path, dates: "pd.Series", cells: "pd.Series | None") -> None:
    """Refuse several stocks below each other; a share that was renamed, or a remark, repeats no date."""
    if cells is None or not dates.duplicated().any():
        return
    symbols = [symbol[:20] for symbol in cells.unique() if symbol]
    more = ", …" if len(symbols) > 3 else ""
    trouble = f"holds {len(symbols)} symbols ({', '.join(symbols[:3])}{more})"
    store.refuse(len(symbols) > 1, path, trouble, "Pass a file with the rows of one of them")


def _first(cells: "pd.Series", wrong: "pd.Series") -> str:
    """Show the first wrong cell, cut where it is long, and where it stands."""
    line = wrong.idxmax()
    return f"{cells[line][:30]!r} on line {line} in its column {cells.name}"


def _dates(path: Path, cells: "pd.Series") -> "pd.Series":
    """Read the dates in the one form that fits all rows."""
    import pandas as pd

    short = cells.where(cells.str.len() <= LONGEST, "")
    zoned = short.str.contains(r"\d[T ]\d{1,2}:\d\d.*(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$")
    away = zoned & ~short.str.contains(r"[T ]0?0:00(?::00(?:\.0+)?)?(?![\d:.])")
    # 2019-12-31 23:00 in UTC is the midnight that begins January 1 in Europe: which day is meant would be a guess.
    trouble = f"has {_first(cells, away)}, whose day depends on the time zone"
    store.refuse(away.any(), path, trouble, "Write the day of each price alone, as 2020-12-31")
    texts = short.str.replace(r"[T ]\d{1,2}:\d\d.*$", "", regex=True).str.replace(r"[\s/.,-]+", "-", regex=True)
    texts = texts.where(texts.str.contains("-|^[0-9]{8}$"), "")  # pandas would read "today" and 202012, too
    read = [pd.to_datetime(texts, format=form, errors="coerce") for form in DATE_FORMATS]
    wrong = max(read, key=lambda dates: dates.notna().sum()).isna()
    trouble = f"has {_first(cells, wrong)}, which is not a date or not in the form of the others"
    store.refuse(wrong.any(), path, trouble, "Write all dates in one form, best as 2020-12-31")
    fitting = [dates for dates in read if dates.notna().all()]
    # Of several forms the right one gives dates in order: 20-01-02 may begin with the year or the day, 01/02/2020 be
    # January 2 or February 1. "May" is read alike by two forms.
    ordered = [dates for dates in fitting if dates.is_monotonic_increasing or dates.is_monotonic_decreasing]
    fitting = ordered or fitting
    doubt = any(not dates.equals(fitting[0]) for dates in fitting)
    trouble = f"has dates such as {cells.iloc[0]!r}, in which day, month and year cannot be told apart"
    store.refuse(doubt, path, trouble, "Write them as 2020-12-31, the years with four digits")
    return fitting[0]


def _numbers(cells: "pd.Series", mark: str) -> "pd.Series":
    """Read numbers with this decimal mark; what is not one becomes NaN."""
    other = "," if mark == "." else "."
    bare = cells.where(cells.str.len() <= LONGEST, "").str.replace(r"^[$€£]\s*|\s*[$€£]$", "", regex=True)
    groups = rf"((\{other}[0-9]{{3}})+|([{THOUSANDS_MARKS}][0-9]{{3}})+)"
    form = rf"[+-]?(?=\{mark}?[0-9])([1-9][0-9]{{0,2}}{groups}|[0-9]*)(\{mark}[0-9]*)?(e[+-]?[0-9]+)?"
    plain = bare.where(bare.str.fullmatch(form, case=False), "nan")
    plain = plain.str.replace(rf"[{other}{THOUSANDS_MARKS}]", "", regex=True)
    return plain.str.replace(mark, ".", regex=False).astype(float)


def _mark(path: Path, table: "dict[str, pd.Series]", separator: str) -> str:
    """Find the decimal mark: the one by which more of the prices can be read, those beside the close, too."""
    prices = [table[name] for name in PRICE_COLUMNS if name in table]
    counts = {mark: sum(_numbers(cells, mark).notna().sum() for cells in prices) for mark in ".,"}
    # Between commas a lone point is a decimal one; between semicolons 10.013 may be a German ten thousand.
    signs = "," if separator == "," else ".,"
    for cells in prices:
        point, comma = _numbers(cells, "."), _numbers(cells, ",")
        doubt = cells.str.contains(f"[{signs}]") & point.notna() & comma.notna() & (point != comma)
        sign = "comma" if "," in cells[doubt.idxmax()] else "point"
        trouble = f"has {_first(cells, doubt)}, where the {sign} can stand for decimals or for thousands"
        remedy = "Write the prices without thousands separators, decimals with a point and not three in every cell"
        store.refuse(counts["."] == counts[","] and doubt.any(), path, trouble, remedy)
    return max(counts, key=counts.get)


def _close(path: Path, cells: "pd.Series", mark: str) -> "pd.Series":
    """Read the closing prices."""
    close = _numbers(cells, mark)
    wrong = ~((close > 0) & (close < float("inf")))
    trouble = f"has {_first(cells, wrong)}, where a price above 0 should be"
    store.refuse(wrong.any(), path, trouble, "Correct the cell, or remove the line")
    return close


def _check_days(path: Path, dates: "pd.Series", min_days: int) -> bool:
    """Refuse dates that are too few or not those of daily prices in one order; tell whether it is newest first."""
    import numpy as np

    days, lines = dates.to_numpy().astype("datetime64[D]"), dates.index
    few = f"holds {len(days):,} days, too few to learn from"
    store.refuse(len(days) < max(min_days, 2), path, few, f"Pass a file with at least {min_days:,} trading days")
    twice = dates.duplicated()
    second = twice.idxmax()
    trouble = f"has the date {dates[second].date()} twice, on lines {(dates == dates[second]).idxmax()} and {second}"
    store.refuse(twice.any(), path, trouble, "Keep one row per day")
    steps = np.diff(days).astype(int)
    backwards = bool(np.median(steps) < 0)
    wrong = steps > 0 if backwards else steps < 0
    row = wrong.argmax()
    trouble = f"is not sorted: {days[row + 1]} on line {lines[row + 1]} follows {days[row]} on line {lines[row]}"
    store.refuse(wrong.any(), path, trouble, "Sort the rows by date, oldest first or newest first")
    usual, row = np.median(abs(steps)), abs(steps).argmax()
    store.refuse(usual > 1, path, f"has a price every {usual:g} days, not every trading day", "Pass daily prices")
    trouble = f"has a gap of {abs(steps[row])} days between {days[row]} and {days[row + 1]} (line {lines[row + 1]})"
    store.refuse(abs(steps[row]) > MAX_GAP_DAYS, path, trouble, "Fill it, or pass only the part before or after it")
    return backwards
