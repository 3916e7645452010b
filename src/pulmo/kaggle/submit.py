"""A submission sent to Kaggle and its score awaited; each step is recorded in the ledger before the next.

The description of a submission contains the first digits of the file's SHA-256, by which Kaggle's list shows whether an
interrupted submission has arrived.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from kagglesdk.competitions.types.competition_api_service import (
    ApiCreateCodeSubmissionRequest,
    ApiCreateSubmissionRequest,
    ApiGetCompetitionRequest,
    ApiGetSubmissionRequest,
    ApiListSubmissionsRequest,
    ApiStartSubmissionUploadRequest,
)
from kagglesdk.competitions.types.submission_status import SubmissionStatus

from pulmo.errors import Fault, UserError
from pulmo.kaggle import ledger, waiting
from pulmo.kaggle.client import connected, fault_of, without_retries
from pulmo.kaggle.ledger import LEDGER, Entry
from pulmo.kaggle.upload import put_file
from pulmo.kaggle.waiting import wait_for
from pulmo.pipeline.log import log

PAGE_SIZE = 100  # submissions a request
MAX_LISTINGS = 6  # requests until Kaggle's list, which lags, shows a new submission
_CHECKED_FIRST = (
    "The same command checks first whether Kaggle has the file, and sends nothing twice. If your submissions' page on "
    "Kaggle does not show it, send it with --resend"
)

COMPETITIONS = "competitions.CompetitionApiService"


def submit(slug: str, path: Path, entry: Entry, resend: bool = False) -> Entry:
    """Send a validated file, or the kernel version that made it, and wait for its score.

    Args:
        slug: the competition's on Kaggle.
        path: the file.
        entry: its row in the ledger; with a `kernel`, that version is submitted and `path` is its output.
        resend: send it even if Kaggle has it or may have it.

    Returns:
        Its last row in the ledger.

    Raises:
        UserError: Kaggle refuses or rejects it, cannot be reached, or may have it already; the ledger has its state.
    """
    with connected() as client:
        competitions = client.competitions.competition_api_client
        with ledger.sending(LEDGER):
            sent = None if resend else _sent_before(competitions, slug, entry)
            if sent is None:
                _check_kind(competitions, slug, entry)
                sent = _send(client, slug, path, ledger.append(LEDGER, entry._replace(status=ledger.SENDING)))
        return _scored(competitions, sent)


def _tag(entry: Entry) -> str:
    version = entry.kernel.rpartition("/")[2]
    return f"[{entry.sha256[:12]}{' v' + version if version else ''}]"


def _sent_before(competitions: Any, slug: str, entry: Entry) -> Entry | None:
    """The ledger's row of the same file if Kaggle has it, with its number there.

    Raises:
        UserError: Kaggle may have it but does not list it.
    """
    known = ledger.find(LEDGER, entry)
    if known is None:
        return None
    if not known.ref:
        log(f"Sending this file was interrupted on {known.when}: checking whether Kaggle has it …")
        ref = _ref_in_list(competitions, slug, known)
        if not ref and known.status == ledger.FAILED:
            log("Kaggle does not have it: it is sent again.")
            return None
        if not ref:
            raise UserError(_may_have_arrived(slug, f"the send of {known.when} was cut off"))
        known = ledger.append(LEDGER, known._replace(ref=ref, status=ledger.PENDING))
    log(f"This file was sent on {known.when} (“{known.message}”): it is not sent again.")
    return known


def _may_have_arrived(slug: str, why: str) -> Fault:
    what = f"may have this file: {why}, and Kaggle's list of your submissions does not show it yet"
    return Fault(slug, what, _CHECKED_FIRST)


def _check_kind(competitions: Any, slug: str, entry: Entry) -> None:
    """Check that a code competition gets a kernel version, any other a file."""
    request = ApiGetCompetitionRequest()
    request.competition_name = slug
    competition = competitions.get_competition(request)
    if competition.submissions_disabled:
        raise UserError(Fault(slug, "accepts no more submissions", "Score it with `pulmo … score` instead"))
    if competition.is_kernels_submissions_only and not entry.kernel:
        remedy = "Push the kernel (`kernel push`), then name its version with --kernel-version"
        raise UserError(Fault(slug, "is a code competition: it accepts kernels, not files", remedy))
    if entry.kernel and not competition.is_kernels_submissions_only:
        raise UserError(Fault(slug, "accepts files, not kernels", "Leave --kernel-version out"))


def _send(client: Any, slug: str, path: Path, entry: Entry) -> Entry:
    competitions = client.competitions.competition_api_client
    try:
        token = "" if entry.kernel else _upload(competitions, slug, path)
    except BaseException:
        ledger.append(LEDGER, entry._replace(status=ledger.FAILED))  # an upload alone is no submission
        raise
    # From here on Kaggle may have it, whatever the answer: only its list or the user can rule that out.
    try:
        with without_retries(client, COMPETITIONS, "CreateCodeSubmission" if entry.kernel else "CreateSubmission"):
            response = _create(competitions, slug, path, entry, token)
    except requests.RequestException as error:
        fault = fault_of("Kaggle", error)
        raise UserError(Fault(fault.where, fault.what, f"{fault.remedy}. {_CHECKED_FIRST}")) from None
    ref = str(response.ref or "") or _ref_when_listed(competitions, slug, entry)
    if not ref:
        why = f"Kaggle's answer has no submission number ({response.message or 'no message'})"
        raise UserError(_may_have_arrived(slug, why))
    return ledger.append(LEDGER, entry._replace(ref=ref, status=ledger.PENDING))


def _upload(competitions: Any, slug: str, path: Path) -> str:
    """Upload a file's bytes; Kaggle's token for them."""
    start = ApiStartSubmissionUploadRequest()
    start.competition_name = slug
    start.file_name = path.name
    start.content_length = path.stat().st_size
    start.last_modified_epoch_seconds = int(path.stat().st_mtime)
    place = competitions.start_submission_upload(start)
    put_file(path, place.create_url)
    return str(place.token)


def _create(competitions: Any, slug: str, path: Path, entry: Entry, token: str) -> Any:
    """Create the submission, of an uploaded file or of a kernel's version."""
    request: Any = ApiCreateCodeSubmissionRequest() if entry.kernel else ApiCreateSubmissionRequest()
    request.competition_name = slug
    request.submission_description = f"{entry.message} {_tag(entry)}"
    if not entry.kernel:
        request.blob_file_tokens = token
        return competitions.create_submission(request)
    request.kernel_owner, request.kernel_slug, version = entry.kernel.split("/")
    request.kernel_version = int(version)
    request.file_name = path.name
    return competitions.create_code_submission(request)


def _ref_when_listed(competitions: Any, slug: str, entry: Entry) -> str:
    """A submission's number, once Kaggle's list shows it; empty if it does not within some time."""
    for _ in range(MAX_LISTINGS):
        with suppress(requests.RequestException):
            if ref := _ref_in_list(competitions, slug, entry):
                return ref
        time.sleep(waiting.POLL_SECONDS)
    return ""


def _ref_in_list(competitions: Any, slug: str, entry: Entry) -> str:
    """The number of a submission in Kaggle's list, found by its description; empty if it is not listed."""
    request = ApiListSubmissionsRequest()
    request.competition_name = slug
    request.page_size = PAGE_SIZE
    while True:
        answer = competitions.list_submissions(request)
        for one in answer.submissions or []:
            if _tag(entry) in (one.description or ""):
                return str(one.ref)
        if not answer.next_page_token or answer.next_page_token == request.page_token:
            return ""
        request.page_token = answer.next_page_token


def _scored(competitions: Any, entry: Entry) -> Entry:
    """Wait until Kaggle has scored it; after an interruption, the same command continues to wait."""
    if entry.status == ledger.COMPLETE:
        return entry
    request = ApiGetSubmissionRequest()
    request.ref = int(entry.ref)

    def judged() -> Any:
        submission = competitions.get_submission(request)
        return None if submission.status == SubmissionStatus.PENDING else submission

    log("Waiting for the score; if interrupted, the same command continues to wait.")
    return _final(wait_for("Kaggle scores it", judged), entry)


def _final(submission: Any, entry: Entry) -> Entry:
    if submission.status == SubmissionStatus.COMPLETE:
        scores = {"public_score": submission.public_score or "", "private_score": submission.private_score or ""}
        return ledger.append(LEDGER, entry._replace(status=ledger.COMPLETE, **scores))
    if entry.status != ledger.ERROR:
        ledger.append(LEDGER, entry._replace(status=ledger.ERROR))
    reason = submission.error_description or "no reason given"
    remedy = "Correct the file (or the kernel, see its log), then submit the new one"
    raise UserError(Fault(f"{entry.competition}, submission {entry.ref}", f"Kaggle rejected it: {reason}", remedy))
