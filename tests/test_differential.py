"""Generated programmes through our warehouse and through the slow reference: every value of every mart must agree.

A long run, from the top of the checkout:  python tests/test_differential.py FROM TO [SIZE]   (seeds FROM to TO - 1, SIZE vulnerabilities each)
What disagrees is kept below the folder that the first line names.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

from transforms import intake  # noqa: E402  # the checkout is on the path only now when this is a script
from transforms.domain.instants import parse_stamp  # noqa: E402
from transforms.domain.policy import load_policy  # noqa: E402
from warehouse import load  # noqa: E402
from warehouse.home import Home  # noqa: E402
from warehouse.job import open_job  # noqa: E402

#: As many as fit a few seconds; any other range is one command away.
SEEDS, SIZE = range(6), 14
#: compare.py is a script: it leaves the closing of its files to its end.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def sibling(name: str) -> ModuleType:
    key = f"handoff_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, HERE / "reference" / f"{name}.py")
        assert spec and spec.loader
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


reference, marts, generate, compare, compare_marts = map(sibling, ("reference", "marts", "generate", "compare", "compare_marts"))


def parse_here(tasks: list, policy: object) -> Iterator[tuple]:
    """What the process pool does, in this process: a pool for every programme would take longer than the programme."""
    for task in tasks:
        yield task, intake.Intake(reason=task.fault) if task.fault else intake.read(task.content, task.delivery, policy)  # type: ignore[arg-type]


def run(landing: Path, home: Path, policy_file: Path, as_of: str) -> Path:
    """Ingests, computes and builds the marts; the warehouse, which holds what would be published."""
    default = (HERE.parent / "policy.yaml").read_text(encoding="utf-8")
    policy = load_policy(("policy.yaml", default), (str(policy_file), policy_file.read_text(encoding="utf-8")))
    at = parse_stamp(as_of).us
    in_pool, load._parse_all = load._parse_all, parse_here  # type: ignore[assignment]
    try:
        with open_job(Home(home), policy, run_id="run", as_of_us=at, now_us=at, code_version="code") as job:
            job.ingest(str(landing))
            job.compute()
            job.build_marts()
    finally:
        load._parse_all = in_pool
    return home / "warehouse.duckdb"


def disagreements(seed: int, folder: Path, size: int = SIZE) -> str:
    """What differs for that seed, '' where nothing does."""
    as_of = generate.write_landing(seed, folder, size)
    world, cycles, waiting = reference.evaluated(folder / "landing", folder / "policy.yaml", as_of)
    expected = folder / "expected.json"
    expected.write_text(json.dumps(reference.expected_of(as_of, world, cycles, waiting), default=str), encoding="utf-8")
    warehouse = run(folder / "landing", folder / "home", folder / "policy.yaml", as_of)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        agrees = compare.compare(str(warehouse), str(expected), 40) == 0
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        lines = [line for mart, rows in marts.rows_of(world, cycles).items() for line in compare_marts.differences(connection, mart, rows)]
    return ("" if agrees else said.getvalue()) + "\n".join(lines[:40])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_generated_programme_agrees_with_the_reference(seed, tmp_path):
    assert disagreements(seed, tmp_path) == ""


def test_a_larger_one_too(tmp_path):
    assert disagreements(7, tmp_path, 40) == ""


def main(first: int, last: int, size: int = SIZE) -> int:
    folder = Path(tempfile.mkdtemp(prefix="handoff-differential-"))
    print(folder)
    good = 0
    for seed in range(first, last):
        below = folder / str(seed)
        try:
            found = disagreements(seed, below, size)
        except Exception:
            found = traceback.format_exc()[-2000:]
        if found:
            print(f"seed {seed}, as of it in {below}\n{found[:3000]}", flush=True)
        else:
            good += 1
            shutil.rmtree(below)
    print(f"{good} of {last - first} agree")
    return 0 if good == last - first else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
