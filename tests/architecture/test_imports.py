"""The arrows of the house: import-linter's contracts, and what it cannot see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for folder in ("apps", "config") for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
)


class TestImportContracts:
    def test_hold(self):
        # In a process of its own: it sets up logging anew, which would silence the loggers other tests listen to.
        command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

        checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

        assert checked.returncode == 0, checked.stdout


def imported_roots(tree: ast.AST) -> set[str]:
    """Return the first parts of the names of every absolute import in ``tree``, nested ones too."""
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


class TestStripe:
    def test_is_imported_by_the_gateway_and_the_double_alone(self):
        importers = {
            str(path.relative_to(ROOT)) for path in SOURCES if "stripe" in imported_roots(ast.parse(path.read_text()))
        }

        allowed = {name for name in importers if name.startswith("apps/payments/sandbox/")}
        assert importers - allowed == {"apps/payments/gateway.py"}


# Modules whose numbers are no money and no energy: seconds on a wall clock, ratios of a rate limiter.
FLOATS_ALLOWED = (
    "apps/ocpp/",
    "apps/core/embedded/",
    "apps/payments/sandbox/",
    "apps/payments/gateway.py",
    "apps/documents/webhooks/",
    "apps/stations/wakeups.py",
    "apps/console/consumers.py",
    "config/",
)
CLOCKWORK = "apps/ocpp/domain/pace.py"


class TestBinaryFloats:
    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_touch_neither_money_nor_energy(self, path):
        name = str(path.relative_to(ROOT))
        if name == CLOCKWORK or (name.startswith(FLOATS_ALLOWED) and "/domain/" not in name):
            return

        found = [
            f"{name}:{node.lineno}"
            for node in ast.walk(ast.parse(path.read_text()))
            if (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.Name) and node.id == "float" and isinstance(node.ctx, ast.Load))
        ]

        assert found == []
