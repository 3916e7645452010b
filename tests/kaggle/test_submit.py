"""`pulmo osic submit` against a Kaggle on loopback, through Kaggle's own client."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pulmo.kaggle import client, waiting
from pulmo.kaggle.ledger import LEDGER, Entry, append, read
from tests.kaggle.server import Answer, KaggleServer
from tests.support import run_pulmo

SLUG = "osic-pulmonary-fibrosis-progression"
SAMPLE = "Patient_Week,FVC,Confidence\na_5,2000,100\na_9,2000,100\n"
GOOD = "Patient_Week,FVC,Confidence\na_5,2000.5,70\na_9,1900,70\n"
DIGEST = hashlib.sha256(GOOD.encode()).hexdigest()


class Sender:
    """Files as a run leaves them, and the command."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        run = Path("submissions/osic/full")
        run.mkdir(parents=True)
        (Path("data") / SLUG).mkdir(parents=True)
        (Path("data") / SLUG / "sample_submission.csv").write_text(SAMPLE)
        self.file = run / "submission.csv"
        self.file.write_text(GOOD)
        estimate = {"score": -6.9, "standard_error": 0.07}
        scores = {"run": "full", "estimate": estimate, "submission_sha256": DIGEST}
        (run / "score.json").write_text(json.dumps(scores))
        self._run = partial(run_pulmo, capsys, "osic", "submit", self.file, "-m", "first, with CT")

    def __call__(self, *options: str) -> tuple[int, str, str]:
        return self._run(*options)

    @property
    def statuses(self) -> list[str]:
        return [entry.status for entry in read(LEDGER)]


@pytest.fixture
def send(kaggle: KaggleServer, capsys: pytest.CaptureFixture[str]) -> Sender:
    return Sender(capsys)


def test_a_file_is_sent_scored_and_recorded(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.verdicts.insert(0, {"status": "PENDING"})
    code, out, _ = send()
    assert code == 0
    assert "-6.9" in out
    assert kaggle.blobs == {"blob0": GOOD.encode()}
    assert kaggle.submissions[0]["competitionName"] == SLUG
    assert kaggle.submissions[0]["blobFileTokens"] == "blob0"
    assert kaggle.submissions[0]["description"] == f"first, with CT [{DIGEST[:12]}]"
    assert send.statuses == ["sending", "pending", "complete"]
    last = read(LEDGER)[-1]
    assert last.sha256 == DIGEST
    assert (last.competition, last.run, last.message, last.ref) == ("osic", "full", "first, with CT", "100")
    assert (last.cv_mean, last.cv_error) == ("-6.900000", "0.070000")
    assert (last.public_score, last.private_score) == ("-6.9", "-6.8")


def test_a_bad_file_is_refused_before_any_byte_is_sent(kaggle: KaggleServer, send: Sender) -> None:
    send.file.write_text(GOOD.replace("a_9", "b_9"))
    code, _, err = send()
    assert code == 1
    assert "'a_9'" in err
    assert "'b_9'" in err
    assert kaggle.requested == []
    assert not LEDGER.exists()


def test_without_a_sample_nothing_is_sent(kaggle: KaggleServer, send: Sender) -> None:
    (Path("data") / SLUG / "sample_submission.csv").unlink()
    code, _, err = send()
    assert code == 1
    assert "pulmo osic download" in err
    assert kaggle.requested == []


def test_the_same_file_is_not_sent_twice(kaggle: KaggleServer, send: Sender) -> None:
    send()
    code, out, err = send("-m", "once more")
    assert code == 0
    assert "not sent again" in err
    assert "-6.9" in out
    assert len(kaggle.submissions) == 1
    assert send.statuses == ["sending", "pending", "complete"]


@pytest.mark.parametrize("token", ["", "KGAT_wrong_but_secret"])
def test_wrong_or_no_credentials(
    kaggle: KaggleServer, send: Sender, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    code, out, err = send()
    assert code == 1
    assert "credentials" in err
    assert "access_token" in err
    assert "KGAT_wrong" not in out + err
    assert kaggle.blobs == {}


def test_user_name_and_key_are_credentials_too(
    kaggle: KaggleServer, send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "key-that-is-secret")
    code, out, err = send()
    assert code == 1  # this server has other credentials, but received the request
    assert kaggle.requested == ["GetCompetition"]
    assert "key-that-is-secret" not in out + err


def test_kaggles_message_is_shown_without_the_token(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("GetCompetition", Answer(403, f"You must accept the rules (you are {kaggle.token})"))
    code, out, err = send()
    assert code == 1
    assert "You must accept the rules (you are …)" in err
    assert kaggle.token not in out + err


def test_the_rate_limit_is_waited_for(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("GetCompetition", *[Answer(429, headers={"Retry-After": "0"})] * 2)
    kaggle.fail("StartSubmissionUpload", Answer(503))
    kaggle.fail("PUT", Answer(500))
    assert send()[0] == 0
    assert kaggle.requested[:3] == ["GetCompetition"] * 3
    assert len(kaggle.submissions) == 1
    assert kaggle.blobs == {"blob0": GOOD.encode()}


def test_the_waiting_time_is_logged(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("GetCompetition", Answer(429, headers={"Retry-After": "1"}))
    code, _, err = send()
    assert code == 0
    assert "trying again in 1 s" in err


def test_a_lasting_rate_limit_is_an_error(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("StartSubmissionUpload", *[Answer(429, "slow down", {"Retry-After": "0"})] * client.TRIES)
    code, _, err = send()
    assert code == 1
    assert "too many requests" in err
    assert "slow down" in err
    assert send.statuses == ["sending", "failed"]
    assert send()[0] == 0
    assert send.statuses == ["sending", "failed", "sending", "pending", "complete"]


def test_after_a_server_error_kaggles_list_is_checked(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("CreateSubmission", Answer(500, "try later", done=True))
    code, _, err = send()
    assert code == 1
    assert "HTTP 500" in err
    assert send.statuses == ["sending"]
    code, _, err = send()
    assert code == 0
    assert len(kaggle.submissions) == 1
    assert send.statuses == ["sending", "pending", "complete"]


IN_DOUBT = {
    "too many requests, done": Answer(429, headers={"Retry-After": "0"}, done=True),
    "too many requests": Answer(429, headers={"Retry-After": "0"}),
    "unavailable, done": Answer(503, done=True),
    "an error, done": Answer(500, done=True),
    "an error": Answer(502),
    "refused": Answer(400, "You have submitted too often today"),
    "reset, done": Answer(200, cut=True, done=True),
    "reset": Answer(200, cut=True),
}


@pytest.mark.parametrize("answer", IN_DOUBT.values(), ids=IN_DOUBT.keys())
def test_a_file_that_kaggle_may_have_is_not_sent_again(kaggle: KaggleServer, send: Sender, answer: Answer) -> None:
    kaggle.fail("CreateSubmission", answer)
    kaggle.list_lag = 2
    code, _, err = send()
    assert code == 1
    assert "--resend" in err
    assert "Traceback" not in err
    assert kaggle.requested.count("CreateSubmission") == 1
    for _ in range(2):  # the list does not show it yet
        code, _, err = send()
        assert code == 1
        assert "may have this file" in err
        assert send.statuses == ["sending"]
    assert kaggle.requested.count("CreateSubmission") == 1
    if answer.done:  # now the list shows it
        assert send()[0] == 0
        assert send.statuses == ["sending", "pending", "complete"]
    else:  # it never will: the user has looked, and decides
        assert send("--resend")[0] == 0
        assert send.statuses == ["sending", "sending", "pending", "complete"]
    assert len(kaggle.submissions) == 1


@pytest.mark.parametrize("error", [429, 500, 503])
def test_an_answer_without_a_number_is_looked_up(kaggle: KaggleServer, send: Sender, error: int) -> None:
    kaggle.returns_ref, kaggle.list_lag = False, 2
    kaggle.fail("ListSubmissions", *[Answer(error, headers={"Retry-After": "0"})] * 3)
    assert send()[0] == 0
    assert send.statuses == ["sending", "pending", "complete"]
    assert len(kaggle.submissions) == 1


def test_a_submission_that_is_not_listed_for_long_is_not_failed(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.returns_ref, kaggle.list_lag = False, 100
    code, _, err = send()
    assert code == 1
    assert "Kaggle's answer has no submission number (Successfully submitted)" in err
    assert send.statuses == ["sending"]
    assert send()[0] == 1
    kaggle.list_lag = 0
    assert send()[0] == 0
    assert len(kaggle.submissions) == 1


def test_an_interrupted_upload_is_no_submission(
    kaggle: KaggleServer, send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, url: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pulmo.kaggle.submit.put_file", stop)
        assert send()[0] != 0
    assert send.statuses == ["sending", "failed"]
    assert send()[0] == 0
    assert len(kaggle.submissions) == 1


def test_a_failed_submission_is_looked_up_too(kaggle: KaggleServer, send: Sender) -> None:
    """Ledgers of before may call a submission failed that Kaggle has."""
    kaggle.fail("CreateSubmission", Answer(500, done=True))
    send()
    append(LEDGER, read(LEDGER)[0]._replace(status="failed"))
    assert send()[0] == 0
    assert send.statuses == ["sending", "failed", "pending", "complete"]
    assert len(kaggle.submissions) == 1


def test_a_submission_is_found_on_any_page_of_kaggles_list(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("CreateSubmission", Answer(500, done=True))
    send()
    kaggle.submissions[:0] = [{"ref": number, "description": "another"} for number in range(250)]
    assert send()[0] == 0
    assert read(LEDGER)[-1].ref == "100"


def test_no_answer(kaggle: KaggleServer, send: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.2)
    kaggle.fail("CreateSubmission", Answer(200, seconds=0.5, done=True))
    code, _, err = send()
    assert code == 1
    assert "no answer within 0.2 s" in err
    assert len(kaggle.submissions) == 1
    assert send()[0] == 0
    assert len(kaggle.submissions) == 1


def test_no_connection(kaggle: KaggleServer, send: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    code, _, err = send()
    assert code == 1
    assert "cannot be reached" in err
    assert "Traceback" not in err


def test_waiting_tolerates_temporary_errors(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("GetSubmission", *[Answer(500)] * waiting.MAX_FAILURES)
    assert send()[0] == 0
    assert send.statuses[-1] == "complete"


def test_interrupted_waiting_is_resumed(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("GetSubmission", Answer(404))
    assert send()[0] == 1
    assert send.statuses == ["sending", "pending"]
    assert send()[0] == 0
    assert send.statuses == ["sending", "pending", "complete"]
    assert len(kaggle.submissions) == 1


def test_a_rejected_submission_is_an_error_with_kaggles_reason(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.verdicts = [{"status": "ERROR", "errorDescription": "Evaluation Exception: missing rows"}]
    code, _, err = send()
    assert code == 1
    assert "Evaluation Exception: missing rows" in err
    assert send.statuses == ["sending", "pending", "error"]
    assert send()[0] == 1
    assert send.statuses == ["sending", "pending", "error"]
    assert len(kaggle.submissions) == 1


def test_a_code_competition_takes_a_kernels_version(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.competition["isKernelsSubmissionsOnly"] = True
    code, _, err = send()
    assert code == 1
    assert "--kernel-version" in err
    assert not LEDGER.exists()
    built = Path("kernels/osic/infer/kernel")
    built.mkdir(parents=True)
    (built / "kernel-metadata.json").write_text('{"id": "ada/pulmo-osic-infer"}')
    assert send("--kernel-version", "3")[0] == 0
    sent = kaggle.submissions[0]
    assert (sent["kernelOwner"], sent["kernelSlug"], sent["kernelVersion"]) == ("ada", "pulmo-osic-infer", 3)
    assert sent["fileName"] == "submission.csv"
    assert kaggle.blobs == {}
    assert read(LEDGER)[-1].kernel == "ada/pulmo-osic-infer/3"


@pytest.mark.slow
def test_two_processes_send_a_file_once(kaggle: KaggleServer, send: Sender) -> None:
    kaggle.fail("StartSubmissionUpload", Answer(503, seconds=1, headers={"Retry-After": "1"}))
    words = [sys.executable, "-m", "pulmo", "osic", "submit", str(send.file), "-m", "at once"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    output = "".join(process.communicate()[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert len(kaggle.submissions) == 1
    assert "not sent again" in output
    assert send.statuses[:2] == ["sending", "pending"]


def test_other_competitions_take_no_kernels(kaggle: KaggleServer, send: Sender) -> None:
    built = Path("kernels/osic/infer/kernel")
    built.mkdir(parents=True)
    (built / "kernel-metadata.json").write_text('{"id": "ada/pulmo-osic-infer"}')
    code, _, err = send("--kernel-version", "3")
    assert code == 1
    assert "accepts files, not kernels" in err
    assert kaggle.submissions == []


def test_the_table_shows_each_submission_once(
    kaggle: KaggleServer, send: Sender, capsys: pytest.CaptureFixture[str]
) -> None:
    send()
    send.file.write_text(GOOD.replace("1900", "1950"))
    kaggle.verdicts = [{"status": "COMPLETE", "publicScore": "-6.7"}]
    send("-m", "better, by a comma")
    code, out, _ = run_pulmo(capsys, "submissions", "--plot")
    assert code == 0
    rows = out.splitlines()
    assert rows[0].split()[:4] == ["when", "competition", "run", "status"]
    assert [row.split()[3] for row in rows[1:3]] == ["complete", "complete"]
    assert "-6.900000 ± 0.070000" in rows[1]
    assert "better, by a comma" in rows[2]
    assert rows[3] == "figure work/submissions.png"
    assert Path("work/submissions.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_ledger(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run_pulmo(capsys, "submissions")
    assert (code, out) == (0, "There is no submissions/ledger.csv: nothing has been sent from this folder.\n")
    LEDGER.parent.mkdir()
    LEDGER.write_text(f"{','.join(Entry._fields)}\n")
    code, out, _ = run_pulmo(capsys, "submissions")
    assert (code, out) == (0, "submissions/ledger.csv holds no submission.\n")


def test_the_ledger_is_a_plain_table(send: Sender) -> None:
    send()
    with LEDGER.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["sending", "pending", "complete"]
    assert set(rows[0]) == set(Entry._fields)


def test_concurrent_rows_are_not_lost(kaggle: KaggleServer, send: Sender) -> None:
    send()
    other = read(LEDGER)[0]._replace(sha256="0" * 64, message="by hand")
    append(LEDGER, other)
    send()
    assert read(LEDGER)[-1].message == "by hand"
