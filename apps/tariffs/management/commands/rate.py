"""``manage.py rate FILE…``: price sessions from files, one JSON line each; reads no database."""

import json
from collections.abc import Iterator
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.tariffs.domain.casefile_lines import Line, price_line
from apps.tariffs.domain.casefiles import id_of, read_case
from apps.tariffs.domain.json_text import JsonError, load_json


class Command(BaseCommand):
    help = (
        "Price sessions from JSON files (a tariff in OCPI's shape and a session each) by OCPI's letter: a line of JSON "
        "per session, with its periods and the reason of each amount. What cannot be read is a line with “error”."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a JSON file with one case, or a list of cases")

    def handle(self, *args: object, **options: object) -> None:
        files = options["files"]
        assert isinstance(files, list)
        priced = failed = 0
        for line in (line for file in files for line in _lines_of(file)):
            self.stdout.write(json.dumps(line))
            failed += "error" in line
            priced += "error" not in line
        if failed:
            raise CommandError(f"{failed} of {priced + failed} could not be priced; their lines say why.")


def _lines_of(file: str) -> Iterator[Line]:
    """Return a line for each case of a file, one at a time, so that many files need no more memory than one."""
    try:
        document = load_json(Path(file).read_bytes())
    except OSError as error:
        yield _error(None, file, error.strerror or str(error))
    except JsonError as error:
        yield _error(None, file, str(error))
    else:
        if not isinstance(document, list):
            yield _line(document, file)
        elif not document:
            yield _error(None, file, "an empty list has no case")
        else:
            for at, item in enumerate(document):
                yield _line(item, f"{file}[{at}]")


def _line(document: object, file: str) -> Line:
    try:
        return {**price_line(read_case(document)), "file": file}
    except (ValueError, ArithmeticError) as error:
        return _error(id_of(document), file, str(error))


def _error(case_id: str | None, file: str, message: str) -> Line:
    return {"id": case_id, "file": file, "error": message}
