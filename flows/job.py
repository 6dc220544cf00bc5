"""The whole job as a plain function, and its steps: with a Prefect server each is a task of a flow, without one it is a call. The same steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from flows import metrics, settings
from flows.progress import Lines
from transforms.domain.errors import LawBroken, UsageError
from transforms.domain.instants import iso
from transforms.domain.policy import Duration, Policy, from_canonical
from transforms.domain.progress import Progress, nobody
from warehouse import batches, history, models, publish, published, raw, record, redact, reports, whatif
from warehouse import rebuild as rebuilding
from warehouse.compute import compute_known
from warehouse.home import Home
from warehouse.job import Job, open_job
from warehouse.landing import open_landing
from warehouse.load import Stamp

T = TypeVar("T")
#: The steps of the whole job, in order.
STEPS = ("open_warehouse", "ingest_landing", "compute_state", "build_marts", "validate_marts", "finish_run", "write_report", "publish_copy")
#: How a step is carried out: `call` directly, or as a task of the flow that is running.
Do = Callable[..., Any]


@dataclass(frozen=True)
class Options:
    """What a run was asked for."""

    landing: str
    home: Path
    policy: Path | None = None
    as_of: str | None = None
    report: bool = True
    wait_seconds: float = 0
    #: Files that changed within it are passed over; None: the policy's `landing.settle`.
    settle_seconds: int | None = None


@dataclass
class Summary:
    """What a run did: its one-line summary, `--json`, and the artifact of the flow."""

    run_id: str
    as_of: str
    home: str
    files_seen: int = 0
    files_new: int = 0
    files_quarantined: int = 0
    files_held: int = 0
    rows_in: int = 0
    rows_new: int = 0
    rows_duplicate: int = 0
    rows_rejected: int = 0
    own_events: int = 0
    findings: int = 0
    handoffs: int = 0
    open: int = 0
    unrouted: int = 0
    flags: int = 0
    laws_broken: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    published: str | None = None
    report: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def headline(self) -> str:
        """What there is now, in one line."""
        return f"as of {self.as_of}: {_count(self.open, 'open handoff')}, {self.unrouted} unrouted, {_count(self.flags, 'flag')}"

    def rows(self) -> dict[str, str]:
        """What happened, a line each."""
        faults = "".join(f", {number} {word}" for number, word in ((self.files_quarantined, "quarantined"), (self.files_held, "held")) if number)
        found = {
            "files": f"{self.files_new} new of {_count(self.files_seen, 'file')}{faults}{': see `handoff status`' if faults else ''}",
            "rows": f"{_count(self.rows_in, 'row')} in = {self.rows_new} new + {self.rows_duplicate} duplicate + {self.rows_rejected} rejected",
            "handoffs": f"{_count(self.handoffs, 'handoff')} of {_count(self.findings, 'finding')}",
            "published": self.published,
            "report": self.report,
        }
        return {name: text for name, text in found.items() if text is not None}


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def call(step: Callable[..., T], *arguments: Any) -> T:
    """Carries a step out directly."""
    return step(*arguments)


def run(options: Options, do: Do = call, progress: Progress | None = None) -> Summary:
    """Ingests, computes, builds, validates, reports and publishes, under the home's lock.

    Raises `LawBroken` where one of our own laws failed: nothing is published, the last good copy stays.
    """
    open_landing(options.landing)  # a wrong path is said before anything is locked or made
    with metrics.of_a_run(options.home) as measured, opened(options, do, progress) as (job, summary):
        measured(summary)
        do(ingest_landing, job, options.landing, summary, options.settle_seconds)
        do(compute_state, job, summary)
        do(build_marts, job, summary)
        do(validate_marts, job, summary)
        publish_lawful(job, summary, do, report=options.report)
    return summary


@contextmanager
def opened(options: Options, do: Do = call, progress: Progress | None = None) -> Iterator[tuple[Job, Summary]]:
    """The home's lock and its warehouse for one run, with the summary to fill in: how the whole job begins, and each part that runs alone."""
    policy, as_of_us = settings.read_policy(options.policy), settings.instant(options.as_of)
    settings.desk_url()  # the report at the end needs it: an address that is none is refused before the work
    run_id, home, progress = settings.new_run_id(), Home(options.home), progress or Lines()
    with ExitStack() as stack:
        if options.wait_seconds and (holder := home.holder()):
            progress(f"wait for run {holder['run'][:8]}, which began at {holder['started']}")
        stack.enter_context(home.lock(run_id, iso(settings.now_us()), options.wait_seconds))
        job = do(open_warehouse, stack, home, policy, run_id, as_of_us)
        job.progress = progress
        _say(f"run {run_id[:8]} as of {iso(job.as_of_us)}")
        yield job, Summary(run_id, iso(job.as_of_us), str(options.home))


@contextmanager
def opened_as_computed(options: Options, do: Do = call) -> Iterator[tuple[Job, Summary]]:
    """The same for a part that goes on from what was computed before: with the as_of and the policy of that, which its results are of.

    Raises `UsageError` where nothing has been computed yet.
    """
    with opened(options, do) as (job, summary):
        row = None
        if _has_table(job, "derived", "parameter"):
            row = job.connection.execute(
                "SELECT epoch_us(parameter.as_of), policy.policy FROM derived.parameter JOIN record.policy USING (policy_digest)"
            ).fetchone()
        if row is None:
            raise UsageError("--home", seen=f"nothing has been computed in {options.home}", remedy="run route_findings first, or the whole job")
        policy = from_canonical(row[1])
        job = replace(job, policy=policy, stamp=job.stamp._replace(recorded_us=row[0], policy_digest=policy.digest))
        yield job, replace(summary, as_of=iso(job.as_of_us))


def is_published(job: Job) -> bool:
    """Whether what was computed for the job's as_of is in the published copy already."""
    query = "SELECT 1 FROM record.run WHERE is_published AND epoch_us(as_of) = ? AND mart_digest = ?"
    if not job.home.published.exists():
        return False
    return job.connection.execute(query, [job.as_of_us, record.schema_digest(job.connection, "mart")]).fetchone() is not None


def publish_lawful(job: Job, summary: Summary, do: Do = call, *, report: bool = False) -> None:
    """Writes the run's row and publishes, where our own laws hold; else raises `LawBroken`, and the last good copy stays."""
    do(finish_run, job)
    if summary.laws_broken:
        raise LawBroken(
            "this run",
            seen="; ".join(summary.laws_broken),
            expected="our own laws to hold",
            remedy="nothing was published, the last good copy stays; see `handoff status`, and report this as a defect",
        )
    if report:
        do(write_report, job, summary)
    do(publish_copy, job, summary)


def rebuild(home_folder: Path, policy_path: Path | None, progress: Progress = nobody) -> list[str]:
    """Builds the warehouse anew from the raw store under the home's lock; what came out, in lines. Marts follow with the next run."""
    policy, home = settings.read_policy(policy_path), Home(home_folder)
    run_id, now = settings.new_run_id(), settings.now_us()
    with home.lock(run_id, iso(now)):
        return rebuilding.rebuild(home, policy, Stamp(run_id, now, settings.code_version(), policy.digest), progress)


def rebuild_as_of(home_folder: Path, as_of: str, out: Path, policy_path: Path | None, progress: Progress = nobody) -> list[str]:
    """The marts as they would have been computed at a past instant from what was known by then, in a file of their own; what came out, in lines.

    Under the policy of the last run at or before it, unless one is given. Never touches the home. Raises `UsageError`.
    """
    as_of_us, home = settings.instant(as_of), Home(home_folder)
    assert as_of_us is not None
    past = history.past_at(home, as_of_us)
    history.require_new(out)
    policy, code = settings.read_policy(policy_path) if policy_path else past.policy, settings.code_version()
    draft = out.with_name(f".{out.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        with computed_as_of(home, draft, as_of_us, policy, code, progress) as (connection, said, verdict, digest):
            publish.strip(connection)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    lines = [f"{out}: {said} as of {iso(as_of_us)}, mart digest {digest[:12]}"]
    if past.run_us == as_of_us and policy == past.policy and digest != past.mart_digest:
        why = "the code is another than that run's" if code != past.code_version else "the record, or the data behind its calendars, is another than that run's"
        lines.append(f"the run at that instant published {past.mart_digest[:12]}: {why}")
    elif code != past.code_version:
        lines.append("computed by other code than the run's before it: the digest is no promise")
    lines += [f"a law of our own is broken: {law}" for law in verdict.laws_broken]
    return lines


class Computed(NamedTuple):
    """Marts computed by themselves, in a file that is open; how much they are of, in words, what expectations found, and their digest."""

    connection: Any
    said: str
    verdict: Any
    mart_digest: str


@contextmanager
def computed_as_of(home: Home, draft: Path, as_of_us: int, policy: Policy, code: str, progress: Progress = nobody) -> Iterator[Computed]:
    """The marts of a past instant in a new file, as a run at it would have computed them from what was known by then."""
    from expectations import gate

    progress("copy what was known")
    with history.copy_known(home, draft, as_of_us) as connection:
        progress("compute")
        said = compute_known(connection, policy, as_of_us)
        models.build(connection, progress)
        progress("check expectations")
        verdict = gate.validate(batches.fetch(connection), progress)
        batches.write_results(connection, verdict)
        models.build_results(connection)
        yield Computed(connection, said, verdict, history.sign(connection, policy, as_of_us, code, is_lawful=not verdict.laws_broken))


def what_if(
    home_folder: Path, policy_path: Path | None, registers: Sequence[Path], as_of: str | None, out: Path | None, progress: Progress = nobody
) -> whatif.Outcome:
    """The record under another policy or other registers, compared with what it gave under the run's own, in a file of its own.

    Never touches what is published, and holds no lock. Raises `UsageError`.
    """
    if policy_path is None and not registers:
        raise UsageError("whatif", seen="nothing that would be otherwise", expected="--policy, --ownership or both")
    layer = settings.read_layer(policy_path) if policy_path else None
    return whatif.replay(Home(home_folder), layer, registers, settings.instant(as_of), out, settings.code_version(), progress)


def redact_copy(home_folder: Path, out: Path) -> Path:
    """The redacted tier of a home's published copy as a new file. Raises `UsageError` where there is no copy, or a file is there already."""
    published.open_copy(home_folder).close()  # before a key is made in a folder that is no home
    history.require_new(out)
    return redact.write(Home(home_folder).published, out, settings.redaction_key(home_folder))


# The steps: each is one task of the flow. One that failed half-way can be done again.


def open_warehouse(stack: ExitStack, home: Home, policy: Policy, run_id: str, as_of_us: int | None) -> Job:
    """Opens the warehouse until `stack` is left. The clock is asked now: the run may have waited for another one's lock until a moment ago."""
    now = settings.now_us()
    return stack.enter_context(
        open_job(home, policy, run_id=run_id, as_of_us=as_of_us, now_us=now, code_version=settings.code_version())
    )


def ingest_landing(job: Job, landing: str, summary: Summary, settle_seconds: int | None = None) -> None:
    """Loads what is new in the landing zone into the record."""
    job.progress("look for new files")
    reader = job
    if settle_seconds is not None:
        # Only the reading of the folder waits for files to settle: under a policy of another digest, every faulty file would be read again.
        settle = Duration(amount=settle_seconds, unit="s")
        reader = replace(job, policy=job.policy.model_copy(update={"landing": job.policy.landing.model_copy(update={"settle": settle})}))
    done = job.loaded = reader.ingest(landing)
    for name in ("files_seen", "files_new", "files_quarantined", "files_held", "rows_in", "rows_new", "rows_duplicate", "rows_rejected"):
        setattr(summary, name, getattr(done, name))
    summary.problems = [f"{problem.path}: {problem.message}" for problem in done.problems]
    summary.quarantined = [f"{path}: {reason}" for path, reason in done.quarantined]
    for line in (*summary.problems, *(f"quarantined {line}" for line in summary.quarantined)):
        print(f"  {line}", file=sys.stderr)


def compute_state(job: Job, summary: Summary) -> None:
    """Derives findings, cycles, routes and stages. The marts of the state before are dropped: nobody shall publish figures of two instants."""
    job.progress("compute")
    job.connection.execute("DROP SCHEMA IF EXISTS mart CASCADE")
    summary.own_events = job.compute()


def build_marts(job: Job, summary: Summary) -> None:
    """Builds the documented tables."""
    job.progress("build tables")
    job.build_marts()
    query = (
        "SELECT (SELECT count(*) FROM mart.finding), count(*), count(*) FILTER (WHERE is_open), (SELECT count(*) FROM mart.unrouted_queue) FROM mart.handoff"
    )
    row = job.connection.execute(query).fetchone()
    summary.findings, summary.handoffs, summary.open, summary.unrouted = row if row else (0, 0, 0, 0)


def validate_marts(job: Job, summary: Summary) -> None:
    """Holds the marts to what must be true of them; what input caused is flagged, a broken law of ours stops publishing."""
    from expectations import data_docs, gate  # Great Expectations takes seconds to import: only when it is needed

    job.progress("check expectations")
    if not _has_table(job, "mart", "handoff"):
        raise UsageError("--home", seen=f"{job.home.folder} has no marts of its present state", remedy="run build_marts first, or the whole job")
    verdict = gate.validate(batches.fetch(job.connection), job.progress)
    batches.write_results(job.connection, verdict)
    models.build_results(job.connection)
    raw.write_durably(job.home.expectations, data_docs.render(verdict.results, verdict.flags, job.as_of_us).encode())
    summary.flags = len(verdict.flags)
    summary.laws_broken = list(verdict.laws_broken)


def finish_run(job: Job) -> None:
    """Writes the run's row: a step of its own, because it adds one each time and publishing may be tried again."""
    job.finish()


def write_report(job: Job, summary: Summary) -> None:
    """Writes the report beside the published copy."""
    job.progress("write report")
    summary.report = str(reports.write_report(job.connection, job.home, "weekly", settings.desk_url()))


def publish_copy(job: Job, summary: Summary) -> None:
    """Replaces the published copy, in one step; then the redacted tier of it, where the policy asks for one."""
    job.progress("publish")
    copy = publish.publish(job.connection, job.home, job.stamp.run_id)
    summary.published = str(copy)
    if job.policy.publish.redacted:
        job.progress("redact")
        redact.write(copy, job.home.redacted, settings.redaction_key(job.home.folder))


def _has_table(job: Job, schema: str, name: str) -> bool:
    query = "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?"
    return job.connection.execute(query, [schema, name]).fetchone() is not None


def _say(text: str) -> None:
    print(f"handoff: {text}", file=sys.stderr, flush=True)
