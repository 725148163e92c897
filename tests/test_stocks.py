import contextlib
import csv as csv_module
import datetime
import hashlib
import io
import os
import random
import re
import zipfile

import numpy as np
import pytest

from course_utils.datasets import stocks, store

DAYS = 400


@pytest.fixture
def prices():
    """Four hundred trading days: dates, prices with two decimals from about 900 to 1,400, volumes."""
    days = np.busday_offset("2019-01-02", np.arange(DAYS)).tolist()
    generator = np.random.default_rng(5)
    close = np.round(1100 * np.exp(np.cumsum(0.01 * generator.standard_normal(DAYS))), 2)
    return days, close, generator.integers(1_000_000, 9_000_000, DAYS)


@pytest.fixture
def rows(prices):
    """Rows of a plain file, the header first."""
    body = [[str(day), f"{price:.2f}", str(shares)] for day, price, shares in zip(*prices, strict=True)]
    return [["Date", "Close", "Volume"], *body]


@pytest.fixture
def write(tmp_path):
    """A function that writes rows, text or bytes to a file and names it."""

    def to_file(content):
        path = tmp_path / "prices.csv"
        content = content if isinstance(content, str | bytes) else joined(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return to_file


def joined(rows, separator=","):
    return "\n".join(separator.join(row) for row in rows) + "\n"


def quoted(rows):
    stream = io.StringIO()
    csv_module.writer(stream, quoting=csv_module.QUOTE_ALL).writerows(rows)
    return stream.getvalue()


def with_column(rows, column, texts):
    return [rows[0], *([*row[:column], text, *row[column + 1 :]] for row, text in zip(rows[1:], texts, strict=True))]


def assert_read(loaded, prices, *columns):
    days, close, volume = prices
    assert loaded.dates.tolist() == days
    assert loaded.dates.dtype == np.dtype("datetime64[D]")
    assert np.allclose(loaded.close, close, rtol=0, atol=1e-9)
    assert set(loaded.columns) == set(columns)
    if "volume" in columns:
        assert np.array_equal(loaded.columns["volume"], volume)
    for values in (loaded.close, *loaded.columns.values()):
        assert values.dtype == np.float64
        assert values.flags.c_contiguous
        assert values.flags.writeable


# The two layouts: as from an American and from a German vendor.


def american(prices):
    """Newest first, m/d/Y, quoted, dollar signs, commas for thousands, further columns, Windows line ends."""
    body = []
    for day, price, shares in zip(*prices, strict=True):
        money = [f"${price + offset:,.2f}" for offset in (0, -1, 2, -3)]
        body.append([f"{day.month}/{day.day}/{day.year}", money[0], f"{shares:,}", *money[1:], "0.5%"])
    return quoted([["Date", "Close/Last", "Volume", "Open", "High", "Low", "Change, %"], *body[::-1]])


def european(prices):
    """Oldest first, d.m.Y, semicolons, decimal commas, points for thousands, a byte order mark, upper case."""

    def german(number):
        return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))

    body = [
        [f"{day:%d.%m.%Y}", german(price - 1), german(price), german(price), f"{shares:,}".replace(",", ".")]
        for day, price, shares in zip(*prices, strict=True)
    ]
    return "\ufeff" + joined([["DATUM", "OPEN", "CLOSE", "ADJ CLOSE", "VOLUME"], *body], ";")


def test_american_layout_is_read_turned_round_and_noted(write, prices, capsys):
    loaded = stocks.load(csv=write(american(prices)))
    assert_read(loaded, prices, "open", "high", "low", "volume")
    assert np.allclose(loaded.columns["open"], prices[1] - 1)
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("Data: your prices.csv, 400 days from 2019-01-02 to 2020-07-14; note: its rows ran from new")
    assert loaded.provenance.note in line


def test_european_layout_is_read(write, prices, capsys):
    loaded = stocks.load(csv=str(write(european(prices))))
    assert_read(loaded, prices, "open", "adj_close", "volume")
    assert "note" not in capsys.readouterr().out


def test_provenance_of_a_csv_has_its_hash_and_not_the_folder(write, rows, tmp_path):
    content = joined(rows).encode()
    provenance = stocks.load(csv=write(content)).provenance
    assert provenance[:5] == ("stocks", "full", "own", len(content), hashlib.sha256(content).hexdigest())
    assert str(tmp_path) not in provenance.note


@pytest.mark.parametrize(
    "header",
    [
        "DATE,CLOSE,VOLUME",
        " date , close , volume ",
        '"Date","Close/Last","Volume"',
        "Date,Price,Vol.",
        "trade_date,close_price,volume",
        "timestamp,4. close,5. volume",
        "<DATE>,<CLOSE>,<VOL>",
        "Date,Close* (USD),Volume",
        "Date,Adj Close**,Volume",
        "timestamp,adjClose,volume",
        "date,adj_close,volume",
    ],
)
def test_columns_are_found_as_vendors_call_them(write, prices, rows, header, capsys):
    loaded = stocks.load(csv=write([[header], *rows[1:]]))
    adjusted = "adj" in header.lower()
    assert_read(loaded, prices, "volume", *(["adj_close"] if adjusted else []))
    assert ("stands in for the close" in capsys.readouterr().out) == adjusted


def test_close_is_taken_before_what_may_also_mean_it(write, prices, rows):
    table = [["Date", "Price", "Prev. Close", "Adj Close", "Close"], *([r[0], "1", "2", "3", r[1]] for r in rows[1:])]
    assert_read(stocks.load(csv=write(table)), prices, "adj_close")


def test_columns_come_in_any_order_among_others(write, prices, rows):
    table = [["", "Close", "Remark", "Date"], *([str(n), row[1], "a, b", row[0]] for n, row in enumerate(rows[1:]))]
    assert_read(stocks.load(csv=write(quoted(table))), prices)


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
def test_separators_are_found(write, prices, rows, separator):
    assert_read(stocks.load(csv=write(joined(rows, separator))), prices, "volume")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings_line_ends_and_blank_rows_do_not_matter(write, prices, rows, end, encoding):
    rows[0][2] = "Größe"
    content = "\n\n" + joined(rows[:9]) + "\n" + joined(rows[9:]) + ",,\n\n"
    assert_read(stocks.load(csv=write(content.replace("\n", end).encode(encoding))), prices)


def test_yfinances_header_of_three_rows_is_read(write, prices, rows):
    head = "Price,Close,Volume\nTicker,AAPL,AAPL\nDate,,\n"
    assert_read(stocks.load(csv=write(head + joined(rows[1:]))), prices, "volume")


DATES = [
    *(f"%Y{mark}%m{mark}%d" for mark in ("-", "/", ".", "")),
    *(f"%d{mark}%m{mark}%Y" for mark in "-/."),
    *("%m/%d/%Y", "%m/%d/%y", "%d.%m.%y", "%y-%m-%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y"),
    *("%Y-%m-%dT00:00:00Z", "%Y-%m-%d 00:00:00-05:00", "%Y-%m-%d 16:00:00", "%m/%d/%Y 4:00 PM"),
]


@pytest.mark.parametrize("form", DATES)
def test_date_formats_are_read(write, prices, rows, form):
    padded = [day.strftime(form) for day in prices[0]]
    for texts in (padded, [re.sub(r"(?<![:\d])0(?=\d(?![\d:]))", "", text.upper()) for text in padded]):
        assert_read(stocks.load(csv=write(quoted(with_column(rows, 0, texts)))), prices, "volume")


@pytest.mark.parametrize("form", ["{:.2f}", "{:,.2f}", "${:,.2f}", "{:.2f} €", "{:.8e}", "decimal comma"])
def test_number_formats_are_read(write, prices, rows, form):
    texts = [form.format(price) if "{" in form else f"{price:.2f}".replace(".", ",") for price in prices[1]]
    assert_read(stocks.load(csv=write(quoted(with_column(rows, 1, texts)))), prices, "volume")


@pytest.mark.parametrize(
    ("mark", "texts"),
    [
        (".", {"1,234,567": 1_234_567, ".5": 0.5, "5.": 5, "+7": 7, "-7.5": -7.5, "$1,234.50": 1_234.5, "0": 0}),
        (",", {"1.234.567,5": 1_234_567.5, ",5": 0.5, "12": 12, "1e3": 1_000}),
        (".", {"1\u00a0234.5": 1_234.5, "1'234'567": 1_234_567, "1\u2019234.5": 1_234.5}),
        (",", {"1\u202f234,5": 1_234.5, "1\u00a0234,50\u00a0€": 1_234.5}),
        (".", dict.fromkeys(["1'234,567", "1'23", "1" * 200, "1" + " " * 50_000 + "2"])),
        (".", dict.fromkeys(["", ".", "abc", "nan", "inf", "1,2", "1,23.4", "1.2.3", "12a", "0x10", "1 2", "0,123"])),
    ],
)
def test_numbers_are_read_or_refused(mark, texts):
    import pandas as pd

    read = stocks._numbers(pd.Series(list(texts), dtype=object), mark)
    assert [None if np.isnan(value) else value for value in read] == list(texts.values())


def test_prices_with_three_decimals_are_not_thousands(write, rows):
    table = with_column(rows, 1, [f"1.{n + 100}" for n in range(DAYS)])
    assert stocks.load(csv=write(table)).close[0] == 1.1


def test_another_price_column_proves_the_decimal_mark(write, prices, rows):
    body = [[row[0], f"10.{n:03},5", f"10.{n:03}"] for n, row in enumerate(rows[1:])]
    loaded = stocks.load(csv=write(joined([["Date", "Open", "Close"], *body], ";")))
    assert loaded.close[:2].tolist() == [10_000, 10_001]
    assert loaded.columns["open"][1] == 10_001.5


def test_points_between_semicolons_are_decimal_where_some_cell_proves_it(write, rows):
    table = with_column(rows, 1, ["10.13", *["10.013"] * (DAYS - 1)])
    assert stocks.load(csv=write(joined(table, ";"))).close[1] == 10.013


def test_euro_signs_of_windows_are_read(write, prices, rows):
    table = joined(with_column(rows, 1, [f"{row[1]} €" for row in rows[1:]]))
    assert_read(stocks.load(csv=write(table.encode("cp1252"))), prices, "volume")


@pytest.mark.parametrize(
    ("titles", "read"),
    [
        ("Date,Close,Close 50,Open,Open %", {"open"}),
        ("Date,Close,High (52w),High,Close %", {"high"}),
        ("Date,Close,Adj Close,Adj Close 50,x", {"adj_close"}),
    ],
)
def test_title_that_is_nothing_else_wins(write, prices, rows, titles, read):
    body = [[row[0], row[1], "3", "3", "3"] for row in rows[1:]]
    assert_read(stocks.load(csv=write(joined([[titles], *body]))), prices, *read)


def test_several_optional_columns_of_one_name_are_left_out_with_a_note(write, prices, rows, capsys):
    body = [[row[0], row[1], "3", "4"] for row in rows[1:]]
    assert_read(stocks.load(csv=write(joined([["Date,Close,Open %,Open 2"], *body]))), prices)
    assert "note: several columns are called Open %, so they are left out" in capsys.readouterr().out


def test_note_names_the_column_that_was_taken_for_the_close(write, prices, rows, capsys):
    body = [[row[0], row[1], "3"] for row in rows[1:]]
    assert_read(stocks.load(csv=write(joined([["Date,Last,Price"], *body]))), prices)
    assert "note: Last is taken for the close, not Price" in capsys.readouterr().out


def test_endless_title_is_read_in_no_time(write, prices, rows):
    rows[0][2] = "(" * 100_000
    assert_read(stocks.load(csv=write(rows)), prices)


@pytest.mark.parametrize("names", [["Facebook", "Meta"], ["", "split"], ["", ""]])
def test_renamed_share_or_remark_is_no_second_symbol(write, prices, rows, names):
    table = [["Date", "Close", "Name"], *([*row[:2], names[n > 200]] for n, row in enumerate(rows[1:]))]
    assert_read(stocks.load(csv=write(table)), prices)


@pytest.mark.parametrize("text", ["n/a", "", "1.2M", "-5"])
def test_optional_column_that_cannot_be_read_is_left_out_with_a_note(write, prices, rows, text, capsys):
    rows[5][2] = text
    assert_read(stocks.load(csv=write(rows)), prices)
    assert f"note: a column is left out ({text!r} on line 6 in its column Volume)" in capsys.readouterr().out


def test_volume_may_be_zero(write, rows):
    rows[5][2] = "0"
    assert stocks.load(csv=write(rows)).columns["volume"][4] == 0


def test_split_is_noted(write, rows, capsys):
    for row in rows[201:]:
        row[1] = f"{float(row[1]) / 4:.2f}"
    stocks.load(csv=write(rows))
    assert re.search(r"factor of [34]\.?\d* on 2019-10-09 \(a split", capsys.readouterr().out)


def test_prices_of_every_day_of_the_week_are_daily(write, rows):
    start = datetime.date(2020, 1, 1)
    table = with_column(rows, 0, [str(start + datetime.timedelta(n)) for n in range(DAYS)])
    assert len(stocks.load(csv=write(table)).dates) == DAYS


def test_google_as_a_csv_gives_the_same_arrays(write):
    google = stocks.load()
    values = np.c_[google.close, *google.columns.values()].tolist()
    body = [[str(date), *map(repr, row)] for date, row in zip(google.dates, values, strict=True)]
    loaded = stocks.load(csv=write([["Date", "Close", *google.columns], *body]))
    assert np.array_equal(loaded.dates, google.dates)
    assert np.array_equal(loaded.close, google.close)
    for name, column in google.columns.items():
        assert np.array_equal(loaded.columns[name], column)


def cell(row, column, text):
    """A change of one cell; row 1 is the first below the header and stands on line 2."""

    def change(table):
        table[row][column] = text
        return joined(table)

    return change


def header(*titles):
    return lambda table: [titles, *table[1:]]


def workbook(table):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return stream.getvalue()


PRICE = "in its column Close, where a price above 0 should be. Correct the cell"
BAD = {
    "empty": (lambda t: "", "is empty"),
    "blank": (lambda t: "\ufeff \n\r\n ", "is empty"),
    "binary": (lambda t: bytes(range(256)), "is no text file"),
    "utf-16": (lambda t: joined(t).encode("utf-16"), "is no text file.*Save the table as CSV in UTF-8"),
    "workbook": (workbook, "is no text file.*Save the table as CSV"),
    "web page": (lambda t: "<!DOCTYPE html><html></html>", "is a web page"),
    "prose": (
        lambda t: "Dear reader,\nthere are no prices.\n",
        "has no date column; its first row is Dear reader, . N",
    ),
    "header only": (lambda t: t[:1], "has a header but no rows"),
    "no header": (lambda t: t[1:], "has no date column; its first row is 2019-01-02, "),
    "lines above": (lambda t: 'Prices of "XYZ"\n' + joined(t), "has no date column; its first row is Prices of"),
    "no date": (header("When", "Close", "Volume"), "has no date column; its first row is When, Close, Volume"),
    "no close": (header("Date", "Worth", "Volume"), "has no close column; its first row is Date, Worth"),
    "two closes": (header("Date", "Close", "close"), "has several columns called Close"),
    "text in numbers": (cell(5, 1, "abc"), f"'abc' on line 6 {PRICE}"),
    "two points": (cell(5, 1, "10.0.5"), f"'10.0.5' on line 6 {PRICE}"),
    "nan": (cell(5, 1, "NaN"), f"'NaN' on line 6 {PRICE}"),
    "gap in prices": (cell(5, 1, ""), f"'' on line 6 {PRICE}"),
    "gap after blank lines": (lambda t: "\n\n" + cell(5, 1, "")(t).replace("\n", "\n\n"), f"'' on line 13 {PRICE}"),
    "zero": (cell(5, 1, "0.00"), f"'0.00' on line 6 {PRICE}"),
    "negative": (cell(5, 1, "-37.63"), f"'-37.63' on line 6 {PRICE}"),
    "infinite": (cell(5, 1, "1e999"), f"'1e999' on line 6 {PRICE}"),
    "long cell": (cell(5, 1, "x" * 10_000), f"{'x' * 30!r} on line 6 {PRICE}"),
    "both marks": (lambda t: quoted([*t[:5], ["2019-01-08", "12,5", "1"], *t[6:]]), f"'12,5' on line 6 {PRICE}"),
    "doubtful commas": (
        lambda t: quoted(with_column(t, 1, ["1,234"] * DAYS)),
        "'1,234' on line 2 in its column Close, where the comma can stand for decimals or for thousands",
    ),
    "text for a date": (cell(5, 0, "soon"), "'soon' on line 6 in its column Date, which is not a date"),
    "today": (cell(5, 0, "today"), "'today' on line 6 in its column Date"),
    "empty date": (cell(5, 0, ""), "'' on line 6 in its column Date"),
    "no such date": (cell(5, 0, "2019-02-30"), "'2019-02-30' on line 6"),
    "another form of date": (cell(5, 0, "01/08/2019"), "'01/08/2019' on line 6 .* not in the form of the others"),
    "months": (lambda t: with_column(t, 0, ["201901"] * DAYS), "'201901' on line 2"),
    "doubtful dates": (
        lambda t: "Date,Close\n01/02/2020,5\n02/03/2020,6\n",
        "day, month and year cannot be told apart",
    ),
    "duplicate": (cell(5, 0, "2019-01-07"), "has the date 2019-01-07 twice, on lines 5 and 6"),
    "duplicate far off": (cell(5, 0, "2019-06-03"), "has the date 2019-06-03 twice, on lines 6 and 110"),
    "unsorted": (
        lambda t: [*t[:9], t[10], t[9], *t[11:]],
        "is not sorted: 2019-01-14 on line 11 follows 2019-01-15 on line 10",
    ),
    "gap": (lambda t: t[:50] + t[90:], r"has a gap of 5\d days between 2019-03-11 and 2019-05-\d\d \(line 51\)"),
    "too short": (lambda t: t[:101], "holds 100 days, too few.*at least 300"),
    "long row": (cell(5, 1, "1,50"), "has more values on line 6 than columns.*decimal commas"),
    "long row after blank lines": (lambda t: "\n\n" + cell(5, 1, "1,50")(t), "has more values on line 8 than columns"),
    "short row": (lambda t: joined(t)[:-12], "has fewer values on line 401 than columns"),
    "foot": (lambda t: joined(t) + "Source: a vendor\n", "has fewer values on line 402"),
    "open quote": (cell(5, 1, '"100'), "has an open quote on line 6"),
    "several symbols": (
        lambda t: [["Date", "Close", "Name"], *([*row[:2], name] for row in t[1:] for name in ["", *"ABCDE"])],
        r"holds 5 symbols \(A, B, C, …\)",
    ),
    "two symbols": (
        lambda t: [["Date", "Close", "Name"], *([*row[:2], name] for row in t[1:] for name in "AB")],
        r"holds 2 symbols \(A, B\)",
    ),
    "comma in a quoted date": (
        lambda t: 'Date,Open,Close,Volume\n"Jan 02, 2020",5,6,7\n"Jan 03, 2020",5,6\n',
        "has fewer values on line 3 than columns",
    ),
    "text behind a quote": (cell(5, 1, '"100"5'), "expected after .* on line 6. Correct that line"),
    "two-digit years": (
        lambda t: "Date,Close\n20-01-02,5\n21-02-03,6\n",
        "'20-01-02', in which day, month and year cannot be told apart.*four digits",
    ),
    "offset": (
        lambda t: with_column(t, 0, [f"{row[0]} 23:00:00+00:00" for row in t[1:]]),
        r"'2019-01-02 23:00:00\+00:00' on line 2 in its column Date, whose day depends on the time zone",
    ),
    "short offset": (
        lambda t: with_column(t, 0, [f"{row[0]} 23:00:00+00" for row in t[1:]]),
        "on line 2 in its column Date, whose day depends on the time zone",
    ),
    "hour of UTC": (cell(5, 0, "2019-01-08T16:00:00Z"), "on line 6 in its column Date, whose day depends"),
    "German thousands": (
        lambda t: joined([["Date", "Close"], *([row[0], f"10.{n:03}"] for n, row in enumerate(t[1:]))], ";"),
        "'10.000' on line 2 in its column Close, where the point can stand for decimals or for thousands",
    ),
    "German prices that cross 1,000": (
        lambda t: joined([["Date", "Close"], [t[1][0], "999"], *([row[0], "1.001"] for row in t[2:])], "\t"),
        "'1.001' on line 3 in its column Close, where the point",
    ),
    "doubtful optional column": (
        lambda t: joined([["Date", "Open", "Close"], *([row[0], "1.001", "999"] for row in t[1:])], ";"),
        "'1.001' on line 2 in its column Open, where the point",
    ),
    "several symbols by yfinance": (
        lambda t: "Price,Close,Close\nTicker,A,B\nDate,,\n" + joined(t[1:]),
        "has several columns called Close",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_an_error_of_two_sentences_that_names_it(write, rows, case):
    make, trouble = BAD[case]
    path = write(make(rows))
    with pytest.raises(store.DataError, match=trouble) as caught:
        stocks.load(csv=path)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert len(message) < 300 + len(str(path))
    _, remedy = message.removeprefix(str(path)).rstrip(".").split(". ")
    assert re.match(r"(Pass|Write|Fill|Correct|Sort|Save|Name|Use|Keep|Complete) ", remedy)


def test_prices_that_are_not_daily_are_an_error(write, rows):
    for step, days in ((2, 2), (5, 7)):
        with pytest.raises(store.DataError, match=f"has a price every {days} days, not every trading day"):
            stocks.load(csv=write([rows[0], *rows[1::step]]), min_days=50)


def test_shorter_files_are_read_where_the_caller_asks_for_less(write, rows):
    assert len(stocks.load(csv=write(rows[:101]), min_days=100).dates) == 100


def test_relative_path_counts_from_the_current_folder_then_from_the_project(write, rows, tmp_path, monkeypatch):
    write(rows)
    monkeypatch.setattr(store, "PROJECT", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert len(stocks.load(csv="prices.csv").dates) == DAYS
    (elsewhere / "prices.csv").write_text(joined(rows[:351]))
    assert len(stocks.load(csv="prices.csv").dates) == 350


def test_missing_file_is_an_error_that_names_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(store.DataError, match=r"none\.csv does not exist.*Pass the whole path") as caught:
        stocks.load(csv="none.csv")
    assert str(tmp_path / "none.csv") in str(caught.value)
    assert str(store.PROJECT / "none.csv") in str(caught.value)
    with pytest.raises(store.DataError) as caught:
        stocks.load(csv=tmp_path / "nope.csv")
    assert f"(looked for {tmp_path / 'nope.csv'})" in str(caught.value)


def test_folder_and_web_address_are_errors(tmp_path, no_network):
    with pytest.raises(store.DataError, match=r"is a folder, not a file. Pass the path of one CSV file"):
        stocks.load(csv=tmp_path)
    with pytest.raises(store.DataError, match=r"is a web address, and a lesson downloads nothing. Pass the whole path"):
        stocks.load(csv="https://example.org/prices.csv")


@pytest.mark.skipif(os.name == "nt", reason="needs a device with a path")
def test_device_is_an_error():
    with pytest.raises(store.DataError, match=r"is a device or a pipe, not a file. Pass the path of a CSV file"):
        stocks.load(csv="/dev/null")


@pytest.mark.parametrize("csv", ["~nobody-of-this-name/prices.csv", "x" * 10_000, "a\0b", 7, ["a.csv"], b"a.csv"])
def test_path_that_cannot_be_is_an_error_of_the_data(csv):
    with pytest.raises(store.DataError, match="Pass the whole path"):
        stocks.load(csv=csv)


def test_too_large_file_is_an_error(write, rows, monkeypatch):
    monkeypatch.setattr(stocks, "MAX_BYTES", 100)
    with pytest.raises(store.DataError, match="is too large for daily prices"):
        stocks.load(csv=write(rows))


def mangled(content, chance):
    """Change a text at up to thirty random places, the header more often than the rest."""
    pieces = [*',;"\n\r.-$ /1\t\0', "", "\n\n", "Date", "Close", "nan", "e9", "1,5", "٣", "²", "日"]
    for _ in range(chance.choice([1, 1, 2, 5, 30])):
        place = chance.randrange(min(len(content), chance.choice([60, 400, 20_000])) + 1)
        content = content[:place] + chance.choice(pieces) + content[place + chance.choice([0, 0, 1, 20, 200]) :]
    return content


@pytest.mark.filterwarnings("error")
def test_mangled_files_give_prices_or_an_error_of_the_data_and_nothing_else(write, prices, rows):
    layouts = (american(prices), european(prices), joined(rows))
    read = 0
    for seed in range(300):
        path = write(mangled(layouts[seed % 3], random.Random(seed)))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                loaded = stocks.load(csv=path)
        except store.DataError as error:
            assert str(error).startswith(str(path))
            continue
        read += 1
        assert (np.isfinite(loaded.close) & (loaded.close > 0)).all()
        assert (np.diff(loaded.dates).astype(int) > 0).all()
        assert {len(values) for values in (loaded.close, *loaded.columns.values())} == {len(loaded.dates)}
    assert 10 < read < 200


def test_google_has_all_columns_of_1047_trading_days(no_network):
    google = stocks.load()
    assert google.dates.shape == (1047,)
    assert google.dates.dtype == np.dtype("datetime64[D]")
    assert [str(date) for date in google.dates[[0, -1]]] == ["2004-08-19", "2008-10-14"]
    assert google.close[[0, -1]].tolist() == [100.34, 362.71]
    assert list(google.columns) == ["open", "high", "low", "volume", "adj_close"]
    for values in (google.close, *google.columns.values()):
        assert values.shape == (1047,)
        assert values.dtype == np.float64
        assert (values > 0).all()
    assert (google.columns["low"] <= google.close).all()
    assert (google.close <= google.columns["high"]).all()
    expected = store.Provenance("stocks", "bundled", "bundled", 58_632, stocks.GOOGLE_SHA256, stocks.GOOGLE)
    assert google.provenance == expected


@pytest.mark.parametrize("csv", [None, ""])
def test_load_without_a_csv_takes_google_and_says_in_one_line_how_to_use_ones_own(no_network, capsys, csv):
    assert stocks.load(csv=csv).provenance.kind == "bundled"
    [line] = capsys.readouterr().out.splitlines()
    assert "Google" in line
    assert "set CSV" in line


def test_other_prices_than_the_recorded_ones_are_an_error(monkeypatch):
    monkeypatch.setattr(stocks, "GOOGLE_SHA256", "0" * 64)
    with pytest.raises(store.DataError, match=r"matplotlib .* goog\.npz .*expected\)\. Install matplotlib"):
        stocks.load()


@pytest.mark.parametrize("content", [None, b"", b"not an archive"])
def test_matplotlib_without_its_sample_data_is_an_error(monkeypatch, tmp_path, content):
    from matplotlib import cbook

    if content is not None:
        (tmp_path / "goog.npz").write_bytes(content)
    monkeypatch.setattr(cbook, "get_sample_data", lambda *arguments, **named: str(tmp_path / "goog.npz"))
    with pytest.raises(store.DataError, match="does not carry the sample data"):
        stocks.load()


def rmse(errors):
    return np.sqrt(np.mean(np.square(errors)))


def test_seasonal_series_follows_its_formula():
    series = stocks.seasonal(num_days=500, noise=0)
    day = np.arange(500)
    expected = 100 + 10 * np.sin(2 * np.pi * day / 21) + 6 * np.sin(2 * np.pi * day / 5 + 1)
    assert np.allclose(series.columns["signal"], expected)
    assert np.allclose(series.close, expected, rtol=0, atol=0.005 + 1e-9)


def test_noise_of_the_seasonal_series_is_what_was_asked_for():
    series = stocks.seasonal(num_days=20_000, noise=2.0)
    noise = series.close - series.columns["signal"]
    assert rmse(noise) == pytest.approx(2.0, rel=0.02)
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.02


@pytest.mark.parametrize("noise", [0.5, 1.5, 3.0])
def test_naive_error_on_the_seasonal_series_is_what_the_docstring_says(noise):
    series = stocks.seasonal(num_days=20_000, noise=noise)
    assert rmse(np.diff(series.close)) == pytest.approx(np.sqrt(29.3 + 2 * noise**2), rel=0.02)


def test_seasonal_series_can_be_learned_from_its_past_down_to_the_noise_floor():
    series = stocks.seasonal()
    windows = np.lib.stride_tricks.sliding_window_view(series.close[:-1], 60)  # (1940, 60)
    inputs, targets, signal = np.c_[windows, np.ones(1940)], series.close[60:], series.columns["signal"][60:]
    weights = np.linalg.lstsq(inputs[:1540], targets[:1540], rcond=None)[0]
    error = rmse(targets[1540:] - inputs[1540:] @ weights)
    floor = rmse(targets[1540:] - signal[1540:])
    assert error < 1.1 * floor
    assert error < 0.3 * rmse(np.diff(series.close)[60 + 1540 - 1 :])


def test_seasonal_series_is_the_same_everywhere_and_follows_the_seed():
    series = stocks.seasonal()
    assert series.provenance.sha256 == "edf3e70ebef892114f9fec232205d57d3dc02f9487653db8c5f822b0565701ee"
    assert series.provenance.note == "synthetic seasonal series, 2,000 days, noise 1.5, seed 0"
    assert np.array_equal(series.close, stocks.seasonal().close)
    assert not np.array_equal(series.close, stocks.seasonal(seed=1).close)
    assert (series.close > 0).all()
    assert np.is_busday(series.dates).all()
    assert (np.diff(series.dates).astype(int) > 0).all()


@pytest.mark.parametrize(
    ("named", "trouble"),
    [
        ({"num_days": 0}, "num_days=0"),
        ({"num_days": 1.5}, "num_days=1.5"),
        ({"noise": -1}, "noise=-1"),
        ({"noise": 9}, "noise=9"),
    ],
)
def test_numbers_that_do_not_fit_are_errors(named, trouble):
    with pytest.raises(ValueError, match=f"{trouble} does not fit: .*Pass a"):
        stocks.seasonal(**named)
