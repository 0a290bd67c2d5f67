"""Read a CSV file that a person uploads: UTF-8, commas or semicolons, strictly; what is wrong is said with its line."""

import csv
from collections.abc import Iterator
from io import StringIO


class NotCsv(ValueError):
    """The file cannot be read; the message is a sentence, ``line`` the line it is about (0: the whole file)."""

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def read_lines(content: bytes, *, most_bytes: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its last line.

    :raises NotCsv: it is too large, no UTF-8, or no CSV; when the record is come to
    """
    if len(content) > most_bytes:
        raise NotCsv(f"The file has more than {most_bytes // 1024} KiB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotCsv("This is not UTF-8: save the file as “CSV UTF-8”.", line=line) from error
    if "\0" in text:
        raise NotCsv("The file holds NUL characters, which no text has.")
    separator = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise NotCsv(f"This is no CSV: {error}.", line=reader.line_num) from error
