"""The command line: exit status, what is printed where, and docs that cannot go stale."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from hystrixpy.cli import main
from hystrixpy.cli.properties_table import markdown
from hystrixpy.properties import SECTIONS, table
from tests.support.tree import ROOT


def write(path, text):
    path.write_text(text)
    return str(path)


def test_check_config_of_good_files(tmp_path, capsys):
    """Exit status 0, the number of values, and a note for each Hystrix name without use."""
    toml = write(tmp_path / "x.toml", "[command.K]\ntimeout = 1\nmax_concurrent = 3\n")
    java = write(
        tmp_path / "x.properties", "hystrix.command.K.threadPoolKeyOverride=a\nhystrix.threadpool.P.coreSize=3"
    )
    assert main(["check-config", toml, java]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "note: hystrixpy has no use for hystrix.command.K.threadPoolKeyOverride\n"
        f"{toml}, {java}: all right, 3 values set\n"
    )
    assert err == ""
    assert main(["check-config", "--quiet", toml, java]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_config_lists_every_fault_of_every_file(tmp_path, capsys):
    """Exit status 1, one line per fault with file and line, all on standard error."""
    toml = write(tmp_path / "x.toml", "[command.K]\ntimout = 1\nmax_concurrent = 0\n[comand.K]\n")
    java = write(tmp_path / "x.properties", "hystrix.command.K.circuitBreaker.forceOpn=true")
    missing = str(tmp_path / "missing.toml")
    assert main(["check-config", toml, java, missing]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[0] for line in err.splitlines()] == [
        f"{toml}, line 2",
        f"{toml}, line 3",
        f"{toml}, line 4",
        missing,
        f"{java}, line 1",
    ]
    assert "did you mean 'timeout'?" in err


def test_check_config_tries_each_key_against_the_defaults(tmp_path, capsys):
    """A window too short for its buckets is found although only one of the two is in the file."""
    toml = write(tmp_path / "x.toml", "[command.K]\nrolling_buckets = 20000\n")
    assert main(["check-config", toml]) == 1
    assert "rolling_buckets = 20000" in capsys.readouterr().err


def test_check_config_reads_the_files_as_one_configuration(tmp_path, capsys):
    """What one file leaves too short, another one may make long enough."""
    one = write(tmp_path / "x.toml", "[command.K]\nrolling_buckets = 20000\n")
    two = write(tmp_path / "y.toml", "[command.K]\nrolling_window = 20\n")
    assert main(["check-config", two, one]) == 0
    assert "2 values set" in capsys.readouterr().out


def test_properties_lists_every_property(capsys):
    """A line for each, with default, what is valid, and Hystrix's names."""
    assert main(["properties"]) == 0
    out = capsys.readouterr().out
    for cls in SECTIONS.values():
        for row in table(cls).values():
            line = next(line for line in out.splitlines() if line.startswith(f"{row.name} "))
            assert row.dynamic or " * " in line
        assert f"{cls.__name__} [{cls.section}]" in out
    assert re.search(
        r"^timeout +1\.0 s +a time above 0 s.*timeoutInMilliseconds, execution\.timeout\.enabled$", out, re.M
    )


def test_the_documentation_has_the_table_of_this_version():
    """docs/properties.md is made of ``hystrixpy properties --markdown``; this fails when it is not made anew."""
    text = (ROOT / "docs" / "properties.md").read_text()
    assert text.endswith(markdown()), (
        "run: python -m hystrixpy properties --markdown, and put it below the introduction"
    )


@pytest.mark.parametrize("arguments", [[], ["check-config"], ["nonsense"], ["properties", "--nonsense"]])
def test_misuse_is_status_two(arguments, capsys):
    """argparse's own, with a usage line."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: hystrixpy")


def test_help_names_the_commands(capsys):
    """--help lists each subcommand with a sentence; --version knows the version."""
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "check-config" in out
    assert "properties" in out
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("hystrixpy ")


def run(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "hystrixpy", *arguments], timeout=60, text=True, **options)


def test_names_the_terminal_cannot_write_are_escaped(tmp_path):
    """A note about a key in another alphabet is no traceback on an ASCII terminal."""
    java = write(tmp_path / "x.properties", "hystrix.command.Gr\\u00fc\\u00dfe.threadPoolKeyOverride=x\n")
    done = run("check-config", java, cwd=ROOT, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"note: hystrixpy has no use for hystrix.command.Gr\xfc\xdfe.threadPoolKeyOverride")


def test_python_dash_m_is_the_same(tmp_path):
    """The exit status reaches the shell."""
    toml = write(tmp_path / "x.toml", "[command.K]\ntimout = 1\n")
    done = run("check-config", toml, cwd=ROOT, capture_output=True)
    assert done.returncode == 1
    assert done.stderr == f"{toml}, line 2: command.K has no property 'timout'; did you mean 'timeout'?\n"


def test_a_reader_that_leaves_is_no_error():
    """``hystrixpy properties | head -1`` prints no traceback."""
    command = f"{sys.executable} -m hystrixpy properties | true"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, timeout=60, text=True, capture_output=True)
    assert done.stderr == ""


def test_checking_reads_no_configuration_of_its_own(tmp_path):
    """A broken HYSTRIXPY_CONFIG does not keep anybody from checking it."""
    broken = write(tmp_path / "x.toml", "broken")
    done = run("properties", cwd=ROOT, capture_output=True, env={"HYSTRIXPY_CONFIG": broken})
    assert done.returncode == 0
