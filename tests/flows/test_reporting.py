"""`handoff report`: the same bytes at the same instant on any later day, of any file, in three formats."""

from __future__ import annotations

import shutil
import sys

import pytest

from flows import cli

FIRST, LATER = "2026-05-04T12:00:00Z", "2026-05-11T12:00:00Z"


@pytest.fixture
def handoff(monkeypatch, capsys):
    """The command, in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handoff", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return exit_.value.code or 0, said.out, said.err  # type: ignore[return-value]

    return run


@pytest.fixture(scope="module")
def home(published_home, tmp_path_factory):
    """A copy of the home after the plain path's run, to write into."""
    return shutil.copytree(published_home, tmp_path_factory.mktemp("reports") / "home")


def test_a_run_writes_the_page_and_the_text_for_mail(handoff, published_home):
    folder = published_home / "reports"
    code, said, _ = handoff("report", "weekly", "--format", "text", "--home", published_home)
    assert (code, said) == (0, (folder / "report-weekly.txt").read_text(encoding="utf-8"))
    assert said.startswith("Security handoffs, weekly report for security operations")
    assert "<h1>4 May 2026 to 10 May 2026</h1>" in (folder / "report-weekly.html").read_text(encoding="utf-8")


def test_a_page_is_printed_again_byte_for_byte_when_more_is_known(handoff, home, tools, plain_landing, tmp_path):
    printed = {suffix: (home / "reports" / f"report-weekly.{suffix}").read_bytes() for suffix in ("html", "txt")}
    landing = shutil.copytree(plain_landing, tmp_path / "landing")
    (landing / "activity" / "later.csv").write_text("event_id,ref,event,actor,occurred_at\nlate,F1,comment,anna,2026-05-04T11:00:00Z\n", encoding="utf-8")
    policy = tools.PLAIN_PATH / "policy.yaml"
    code, _, err = handoff("run", "--landing", landing, "--home", home, "--policy", policy, "--as-of", LATER)
    assert code == 0, err
    assert (home / "reports" / "report-weekly.html").read_bytes() != printed["html"]
    out = tmp_path / "again.html"
    code, said, err = handoff("report", "weekly", "--as-of", FIRST, "--home", home, "--out", out)
    assert (code, said, err) == (0, f"{out}\n", "")
    assert out.read_bytes() == printed["html"]
    assert handoff("report", "weekly", "--as-of", FIRST, "--home", home, "--format", "text")[1].encode() == printed["txt"]


def test_a_file_by_itself_gives_the_page_of_its_home(handoff, published_home, tmp_path):
    copy = shutil.copy(published_home / "handoff.duckdb", tmp_path / "copy.duckdb")
    code, said, _ = handoff("report", "weekly", "--file", copy, "--out", tmp_path / "page.html", "--home", tmp_path / "nowhere")
    assert (code, said) == (0, f"{tmp_path / 'page.html'}\n")
    assert (tmp_path / "page.html").read_bytes() == (published_home / "reports" / "report-weekly.html").read_bytes()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["daily"], ["'daily'", "weekly"]),
        (["weekly", "--format", "docx"], ["'docx'", "pdf"]),
        (["weekly", "--as-of", "2026-05-04T12:00:00Z", "--file", "COPY"], ["--as-of", "one of them"]),
        (["weekly", "--file", "COPY"], ["--out"]),
        (["weekly", "--file", "/nowhere.duckdb", "--out", "x.html"], ["/nowhere.duckdb", "is not there"]),
        (["weekly", "--as-of", "2020-01-01T00:00:00Z"], ["before the first record"]),
        (["weekly", "--out", "/nowhere/report.html"], ["/nowhere", "no folder"]),
    ],
)
def test_what_cannot_be_asked_is_exit_2_and_one_sentence(handoff, published_home, arguments, words):
    named = {"COPY": published_home / "handoff.duckdb"}
    code, said, err = handoff("report", *(named.get(argument, argument) for argument in arguments), "--home", published_home)
    assert (code, said) == (2, "")
    assert len(err.splitlines()) == 1
    for word in words:
        assert word in err


def test_a_pdf_without_its_renderer_is_one_sentence(handoff, published_home, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plutoprint", None)
    code, said, err = handoff("report", "monthly", "--format", "pdf", "--home", published_home, "--out", tmp_path / "report.pdf")
    assert (code, said) == (2, "")
    assert "plutoprint cannot be imported" in err
    assert not (tmp_path / "report.pdf").exists()


def test_a_pdf_is_the_same_bytes_each_time_and_dated_by_its_instant(handoff, published_home, tmp_path):
    pytest.importorskip("plutoprint", reason="plutoprint is not installed")
    for name in ("a", "b"):
        code, _, err = handoff("report", "quarterly", "--format", "pdf", "--home", published_home, "--out", tmp_path / f"{name}.pdf")
        assert code == 0, err
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content == (tmp_path / "b.pdf").read_bytes()


def test_a_page_that_asks_for_something_else_is_no_pdf():
    pytest.importorskip("plutoprint", reason="plutoprint is not installed")
    from datetime import datetime

    from flows.pdf import pdf
    from transforms.domain.errors import RunError

    with pytest.raises(RunError, match=r"asks for 'https://evil\.example/"):
        pdf("<p>x</p><img src='https://evil.example/x.png'>", "x", datetime(2026, 5, 4))
