"""What is told when something is wrong: a sentence, an exit code, all faults as JSON."""

import errno
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest

from pulmo.commands.console import quietly, sentence
from pulmo.errors import CommandLineError, Fault, FigureWarning, ParticipantVisibleError, UserError


def failing(error: Exception) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError(Fault("a.csv", "is wrong", "Mend it")), 1),
        (CommandLineError(Fault("--run", "is wrong", "Mend it")), 2),
        (OSError(errno.ENOSPC, "No space left on device", "work"), 1),
    ],
)
def test_exit_codes_tell_whose_mistake_it_is(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        quietly(failing(error))
    assert ended.value.code == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_our_own_mistakes_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        quietly(failing(ZeroDivisionError()))


def test_a_few_faults_of_each_kind_are_told_and_all_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    faults = [Fault(f"row {row}", "is missing", "Add it") for row in range(300)]
    faults += [Fault("row 7", "is no number", "Write a number"), Fault("a.csv", "has other ids", "Compare them")]
    with pytest.raises(SystemExit):
        quietly(failing(ParticipantVisibleError(faults)), as_json=True)
    out, err = capsys.readouterr()
    assert [fault["where"] for fault in json.loads(out)["faults"]] == [fault.where for fault in faults]
    assert err.splitlines() == [
        "row 0: is missing. Add it.",
        "row 1: is missing. Add it.",
        "row 7: is no number. Write a number.",
        "a.csv: has other ids. Compare them.",
        "… and 298 more faults like these: `validate --json` lists all.",
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "out/x: no space is left on the disk; free some"),
        (errno.EDQUOT, "out/x: the disk quota is used up; free some"),
        (errno.EROFS, "out/x: the disk is read-only; name a folder on another disk."),
        (errno.EACCES, "out/x: it may not be read or written; change its permissions"),
        (errno.ENOTDIR, "out/x: a file stands where a folder is needed"),
        (errno.EEXIST, "out/x: a file stands where a folder is needed"),
        (errno.ENAMETOOLONG, "out/x: the name is too long"),
        (errno.ELOOP, f"out/x: {os.strerror(errno.ELOOP)}; inspect it"),
    ],
)
def test_what_the_system_refused_is_one_sentence(number: int, words: str) -> None:
    told = sentence(OSError(number, os.strerror(number), "out/x.started"))
    assert told.startswith(words)
    assert "\n" not in told


def test_a_networks_error_shows_nothing_of_what_was_sent() -> None:
    from requests.exceptions import InvalidHeader

    told = sentence(InvalidHeader("Invalid header value: 'Bearer secret'"))
    assert told.startswith("InvalidHeader; ")
    assert "secret" not in told


def test_a_figure_that_fails_is_not_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.resetwarnings()  # as outside of the tests
        quietly(lambda: warnings.warn("internals", FigureWarning, stacklevel=1))
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    code = "from pulmo.commands.console import quietly; quietly(lambda: [print('x' * 1000) for _ in range(1000)])"
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    with command.stderr as stream:
        assert stream.read() == b""
    assert command.wait() == 1
