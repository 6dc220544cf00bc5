"""The rules that keep it simple: who may import whom, who may ask the time, how SQL is made, what may stand in a file."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("transforms", "warehouse", "expectations", "flows")
OURS = frozenset(PACKAGES)

#: Only `flows` asks the time or reads the environment: everything else takes them as arguments. (module, name) that would do so.
CLOCK_AND_ENVIRONMENT = {
    *(("datetime", name) for name in ("now", "utcnow", "today")),
    *(("date", name) for name in ("today",)),
    *(("time", name) for name in ("time", "time_ns", "localtime", "gmtime", "strftime", "monotonic", "perf_counter", "sleep")),
    *(("os", name) for name in ("environ", "getenv", "getenvb", "environb", "getlogin", "uname", "getcwd")),
    *(("uuid", name) for name in ("uuid1", "uuid4")),
    *(("random", name) for name in ("random", "choice", "shuffle", "randint", "SystemRandom")),
    *(("platform", name) for name in ("node", "uname", "system")),
    *(("socket", name) for name in ("gethostname", "socket", "create_connection")),
    *(("getpass", name) for name in ("getuser", "getpass")),
    *(("Path", name) for name in ("home", "cwd")),
}
#: The exceptions, each with its reason. None of them can move a figure.
MAY_ASK = {
    ("warehouse/home.py", "time.monotonic"): "how long it has waited for the lock of another run",
    ("warehouse/home.py", "time.sleep"): "waits for the lock of another run",
    ("expectations/gate.py", "os.environ"): "says to Great Expectations, before its import, that it must not phone home; reads nothing",
}

#: What the core may import besides the standard library's pure parts.
CORE_NEVER = frozenset(
    (
        "os", "shutil", "socket", "subprocess", "tempfile", "glob", "urllib.request", "http", "ssl", "asyncio", "threading", "multiprocessing",
        "time", "uuid", "getpass", "duckdb", "prefect", "great_expectations", "fsspec", "requests", "httpx", "sqlalchemy", "fastapi", "typer",
        "rich", "pandas",
    )
)

#: Names that stand in the text of a statement: tables, columns and types of our own declarations, which no parameter can bind. Everything
#: else is bound. (file, expression) → where it comes from.
IN_STATEMENTS = {
    ("warehouse/derived.py", "name"): "a table of tables.DERIVED_TABLES",
    ("warehouse/load.py", "table.name"): "a table of tables.RECORD_TABLES",
    ("warehouse/models.py", "model.name"): "the name of a file in sql/marts",
    ("warehouse/models.py", "model.query"): "the text of that file",
    ("warehouse/models.py", "key"): "the key that its header declares, quoted",
    ("warehouse/history.py", "name"): "a table of tables.RECORD_TABLES",
    ("warehouse/history.py", "columns"): "its columns",
    ("warehouse/published.py", "name"): "the name of a file in sql/published",
    ("warehouse/desk.py", "page.name"): "the name of a file in sql/desk",
    ("warehouse/publish.py", "name"): "a table of tables.RECORD_TABLES, or of schema mart",
    ("warehouse/publish.py", "columns"): "its columns, quoted",
    ("warehouse/publish.py", "_MARK.format(run='record.run')"): "a statement of our own, the run bound",
    ("warehouse/publish.py", "_MARK.format(run='the_copy.record.run')"): "the same of the copy",
    ("warehouse/publish.py", "str(draft).replace(chr(39), chr(39) * 2)"): "a path, its quotes doubled: ATTACH takes no parameters",
    ("warehouse/history.py", "_KNOWN.get(name, _BY_RECORDING)"): "a condition of our own, its instant bound",
    ("warehouse/models.py", "schema"): "mart or whatif",
    ("warehouse/whatif.py", "path"): "a path of our own making, its quotes doubled: ATTACH takes no parameters",
    ("warehouse/whatif.py", "name"): "base, other or result",
    ("warehouse/whatif.py", "mode"): "READ_ONLY or READ_WRITE",
    ("warehouse/whatif.py", "side"): "base or other",
    ("warehouse/whatif.py", "measures"): "the texts of the files of sql/whatif/measure",
    ("warehouse/whatif.py", "sql_file('whatif/contribution.sql')"): "the text of that file",
    ("warehouse/history.py", "str(home.published).replace(chr(39), chr(39) * 2)"): "a path, its quotes doubled: ATTACH takes no parameters",
    ("warehouse/obligations.py", "obligation.query"): "the text of a file in sql/evidence/obligations",
    ("warehouse/questions.py", "SCHEMA"): "question",
    ("warehouse/questions.py", "name"): "the name of a file in sql/questions",
    ("warehouse/questions.py", "question.model.query"): "the text of that file",
    ("warehouse/export.py", "relation.schema"): "a schema that the copy lists",
    ("warehouse/export.py", "relation.name"): "a table or view with a key in record.table_key",
    ("warehouse/export.py", "order"): "its columns, quoted",
    ("warehouse/redact.py", "table"): "mart and the name of a file in sql/marts, or record.run",
    ("warehouse/redact.py", "values"): "its columns, and the classes that sql/redaction.yaml declares for them",
    ("warehouse/redact.py", "str(copy).replace(chr(39), chr(39) * 2)"): "a path, its quotes doubled: ATTACH takes no parameters",
    ("warehouse/rebuild.py", "name"): "a table of the runs' history",
    ("warehouse/record.py", "name"): "a table of tables.RECORD_TABLES",
    ("warehouse/record.py", "excluded"): "columns that the digest leaves out, of _STATE",
    ("warehouse/record.py", "table"): "a table of _STATE, or of the schema that is digested",
    ("warehouse/record.py", "where"): "a condition of our own",
    ("warehouse/reports.py", "period"): "the text of sql/report/period.sql",
    ("warehouse/verify.py", "columns"): "columns of _CHECKS",
    ("warehouse/schema.py", "schema"): "record, derived or mart",
    ("warehouse/schema.py", "table.name"): "a declared table",
    ("warehouse/schema.py", "columns"): "names and types of a declared table",
    ("warehouse/schema.py", "what"): "TABLE, COLUMN or VIEW",
    ("warehouse/schema.py", "name"): "a declared table or column",
    ("warehouse/schema.py", "quoted"): "a declared meaning, its quotes doubled: COMMENT ON takes no parameters",
}
STATEMENT_METHODS = frozenset({"execute", "executemany", "sql", "query", "from_query"})


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of ours by its path in the tree."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


# Imports


def contracts() -> list[str]:
    return [options["id"] for options in read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]]


@pytest.mark.parametrize("contract", contracts())
def test_import_contract(contract, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    result = lint_imports(config_filename="pyproject.toml", limit_to_contracts=(contract,), no_cache=True, no_logo=True)
    assert result == 0, capsys.readouterr().out


def test_the_contracts_see_every_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(settings["tool"]["importlinter"]["root_packages"]) == OURS
    assert set(settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == OURS


def test_domain_imports_nothing_of_ours_outside_domain():
    found = [
        f"{path}:{line} imports {name}"
        for path, tree in sources().items()
        if path.startswith("transforms/domain/")
        for name, line in imports(tree)
        if name.split(".")[0] in OURS and not name.startswith("transforms.domain")
    ]
    assert not found


def test_the_simulated_truth_knows_nothing_of_what_it_is_measured_against():
    allowed = ("transforms.domain.instants", "transforms.domain.vocabulary", "transforms.simulation")
    found = [
        f"{path}:{line} imports {name}"
        for path, tree in sources().items()
        if path.startswith("transforms/simulation/")
        for name, line in imports(tree)
        if name.split(".")[0] in OURS and not name.startswith(allowed)
    ]
    assert not found


def test_the_core_has_no_clock_file_network_or_database():
    found = [
        f"{path}:{line} imports {name}"
        for path, tree in sources().items()
        if path.startswith("transforms/")
        for name, line in imports(tree)
        if CORE_NEVER & {name, name.split(".")[0], name.rpartition(".")[0]}
    ]
    found += [
        f"{path}:{node.lineno} calls open()"
        for path, tree in sources().items()
        if path.startswith("transforms/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert not found


# Time and environment


def _asked(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names of `CLOCK_AND_ENVIRONMENT` that a module uses, however it imported them."""
    plain = {name: module for module, name in CLOCK_AND_ENVIRONMENT if module in ("time", "os", "uuid", "random", "platform", "socket", "getpass")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id if isinstance(node.value, ast.Name) else ""
            if (owner, node.attr) in CLOCK_AND_ENVIRONMENT:
                yield f"{owner}.{node.attr}", node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names if plain.get(alias.name) == node.module)


def test_only_flows_asks_the_time_or_reads_the_environment():
    found = {(path, name): line for path, tree in sources().items() if not path.startswith("flows/") for name, line in _asked(tree)}
    assert {f"{path}:{line} {name}" for (path, name), line in found.items() if (path, name) not in MAY_ASK} == set()
    assert set(MAY_ASK) <= set(found), "an exception that nobody needs any more"


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now()", "datetime.datetime.now(UTC)", "date.today()", "time.time()", "from time import time_ns",
        "os.environ['A']", "os.getenv('A')", "from os import environ", "uuid.uuid4()",
    ],
)
def test_asking_is_seen(line):
    assert list(_asked(ast.parse(line)))


# SQL


def _statements() -> Iterator[tuple[str, int, ast.expr]]:
    """(file, line, first argument) of every call that runs a statement."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STATEMENT_METHODS and node.args:
                yield path, node.lineno, node.args[0]


def _built(argument: ast.expr) -> Iterator[str]:
    """The expressions that are written into the text of a statement."""
    for node in ast.walk(argument):
        if isinstance(node, ast.FormattedValue):
            yield ast.unparse(node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            yield ast.unparse(node.right)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "format_map", "join"):
            yield ast.unparse(node)


def test_no_statement_is_built_from_values():
    found = {(path, text): line for path, line, argument in _statements() for text in _built(argument)}
    assert {f"{path}:{line} {text}" for (path, text), line in found.items() if (path, text) not in IN_STATEMENTS} == set()
    assert set(IN_STATEMENTS) <= set(found), "a name that no statement holds any more"


def test_only_warehouse_runs_statements():
    own = {"warehouse", "flows"}  # flows asks a job for four counts
    assert {path for path, _, _ in _statements() if path.split("/")[0] not in own} == set()


@pytest.mark.parametrize("line", ["c.execute(f'SELECT {x}')", "c.execute('SELECT %s' % x)", "c.execute('SELECT {}'.format(x))", "c.sql(f'FROM {t}')"])
def test_building_is_seen(line):
    call = next(node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in STATEMENT_METHODS)
    assert list(_built(call.args[0]))


# Every module


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        found.append(package)
        found += [info.name for info in pkgutil.walk_packages([str(ROOT / package)], prefix=f"{package}.")]
    return found


@pytest.mark.parametrize("name", modules())
def test_module_can_be_imported_and_says_what_it_is(name, monkeypatch, tmp_path):
    # Prefect makes its home when it is imported, and the command line, imported by other tests, names one below a .handoff that is not there.
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    module = importlib.import_module(name)
    assert Path(module.__file__).is_relative_to(ROOT)
    is_empty = not Path(module.__file__).read_text(encoding="utf-8").strip()
    assert is_empty or (module.__doc__ or "").strip(), "the first line of a module says what it is"


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_no_test_folder_is_a_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == [], "tests/warehouse would hide our own warehouse"


def test_every_discovered_module_keeps_its_contract():
    from expectations import suites
    from transforms import reference, registers, report, scanners, trackers

    for package in (scanners, registers, trackers, reference):
        assert len(package.formats()) == len(list(pkgutil.iter_modules(package.__path__))), "a module is not discovered"
    assert len(suites.suites()) == len(list(pkgutil.iter_modules(suites.__path__)))
    assert report.queries()


def test_importing_the_command_line_is_cheap():
    """Great Expectations and Prefect take seconds to import: only the steps that need them do."""
    text = "import sys, flows.cli; print(sorted({'great_expectations', 'prefect', 'pandas', 'duckdb', 'polars'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


# What may stand in a file


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files are ours cannot be told")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_holds_a_machine_path_or_the_address_of_a_package_index():
    # One letter of each in brackets, so that this file does not hold them itself. The home of ci in made-up reports is nobody's machine.
    forbidden = re.compile(r"inde[x]-url|files\.python[h]osted|pypi\.or[g]|registry\.npm[j]s|/wor[k]/(main|shared)|/roo[t]/|/hom[e]/(?!ci/)")
    golden = ("tests/golden/", "demo/landing/")  # reports as scanners wrote them, paths of their machines included
    found = []
    for path in _tracked():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(golden) and (match := forbidden.search(path.read_bytes().decode("utf-8", "replace"))):
            found.append(f"{name}: {match[0]}")
    assert not found


def test_every_requirement_is_pinned_and_hashed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=!~ \[]", entry)[0].lower() for entry in [*settings["dependencies"], *settings["optional-dependencies"]["dev"]]}
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text())
    pinned = {match[1]: block for block in blocks if (match := re.match(r"([a-z0-9._-]+)==", block))}
    assert wanted <= set(pinned)
    assert [name for name, block in pinned.items() if "--hash=sha256:" not in block] == []


def test_every_import_of_ours_is_a_stated_requirement():
    """And every stated requirement is imported, or is one of those that are stated for another reason."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = {re.split(r"[<>=!~ \[]", entry)[0].lower() for entry in settings["dependencies"]}
    names = {"yaml": "pyyaml", "dateutil": "python-dateutil", "great_expectations": "great-expectations", "opentelemetry": "opentelemetry-sdk"}
    imported = {names.get(top, top) for tree in sources().values() for name, _ in imports(tree) if (top := name.split(".")[0])}
    foreign = imported - OURS - set(sys.stdlib_module_names)
    assert foreign <= stated
    not_imported = {
        "opentelemetry-exporter-otlp-proto-http": "of the package opentelemetry, which several projects fill",
        "sqlalchemy": "capped: Prefect's scheduler creates no runs on newer ones",
        "tzdata": "zoneinfo reads it where the machine has no zone database; its version is part of the calendar's digest",
    }
    assert stated - foreign == set(not_imported)
