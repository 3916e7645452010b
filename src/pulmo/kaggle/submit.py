"""A submission sent, and waited for until Kaggle has scored it; each step stands in the ledger before the next.

What was sent carries the first digits of its SHA-256 in its description, by which Kaggle's own list tells whether a
send that was cut off has arrived.
"""

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
from pulmo.kaggle import ledger
from pulmo.kaggle.client import connected, status_of
from pulmo.kaggle.ledger import LEDGER, Entry
from pulmo.kaggle.upload import put_file
from pulmo.kaggle.waiting import wait_for
from pulmo.pipeline.telling import tell

LISTED = 100


def submit(slug: str, path: Path, entry: Entry) -> Entry:
    """Send a validated file, or the kernel version that made it, and wait for its score.

    Args:
        slug: the competition's on Kaggle.
        path: the file.
        entry: what the ledger shall say of it; with a `kernel`, that version is submitted and `path` is its output.

    Returns:
        Its last row in the ledger.

    Raises:
        UserError: Kaggle refuses or rejects it, or cannot be reached; the ledger says how far it came.
    """
    with connected() as client:
        competitions = client.competitions.competition_api_client
        with ledger.sending(LEDGER):
            sent = _sent_before(competitions, slug, entry)
            if sent is None:
                _check_kind(competitions, slug, entry)
                sent = _send(competitions, slug, path, ledger.append(LEDGER, entry._replace(status=ledger.SENDING)))
        return _scored(competitions, sent)


def _tag(entry: Entry) -> str:
    version = entry.kernel.rpartition("/")[2]
    return f"[{entry.sha256[:12]}{' v' + version if version else ''}]"


def _sent_before(competitions: Any, slug: str, entry: Entry) -> Entry | None:
    """The ledger's row of the same file if Kaggle has it, with its number there."""
    known = ledger.find(LEDGER, entry)
    if known is None or known.status == ledger.FAILED:
        return None
    if not known.ref:
        tell(f"The ledger says that this file was being sent on {known.when}: asking Kaggle whether it arrived …")
        ref = _ref_in_list(competitions, slug, known)
        if not ref:
            tell("It did not: it is sent again.")
            return None
        known = ledger.append(LEDGER, known._replace(ref=ref, status=ledger.PENDING))
    tell(f"This very file was sent on {known.when} (“{known.message}”): it is not sent again.")
    return known


def _check_kind(competitions: Any, slug: str, entry: Entry) -> None:
    """A code competition takes kernel versions, any other files."""
    request = ApiGetCompetitionRequest()
    request.competition_name = slug
    competition = competitions.get_competition(request)
    if competition.submissions_disabled:
        raise UserError(Fault(slug, "takes no submissions any more", "Score it with `pulmo … score` instead"))
    if competition.is_kernels_submissions_only and not entry.kernel:
        remedy = "Push the kernel (`kernel push`), then name its version with --kernel-version"
        raise UserError(Fault(slug, "is a code competition: it takes kernels, not files", remedy))
    if entry.kernel and not competition.is_kernels_submissions_only:
        raise UserError(Fault(slug, "takes files, not kernels", "Leave --kernel-version out"))


def _send(competitions: Any, slug: str, path: Path, entry: Entry) -> Entry:
    try:
        ref = (
            _send_kernel(competitions, slug, path, entry)
            if entry.kernel
            else _send_file(competitions, slug, path, entry)
        )
    except (UserError, requests.HTTPError) as error:
        if isinstance(error, UserError) or status_of(error) < 500:
            ledger.append(LEDGER, entry._replace(status=ledger.FAILED))  # refused: it is certain that Kaggle has it not
        raise
    return ledger.append(LEDGER, entry._replace(ref=ref, status=ledger.PENDING))


def _send_file(competitions: Any, slug: str, path: Path, entry: Entry) -> str:
    start = ApiStartSubmissionUploadRequest()
    start.competition_name = slug
    start.file_name = path.name
    start.content_length = path.stat().st_size
    start.last_modified_epoch_seconds = int(path.stat().st_mtime)
    place = competitions.start_submission_upload(start)
    put_file(path, place.create_url)
    request = ApiCreateSubmissionRequest()
    request.competition_name = slug
    request.blob_file_tokens = place.token
    request.submission_description = f"{entry.message} {_tag(entry)}"
    return _ref(competitions.create_submission(request), competitions, slug, entry)


def _send_kernel(competitions: Any, slug: str, path: Path, entry: Entry) -> str:
    owner, kernel, version = entry.kernel.split("/")
    request = ApiCreateCodeSubmissionRequest()
    request.competition_name = slug
    request.kernel_owner = owner
    request.kernel_slug = kernel
    request.kernel_version = int(version)
    request.file_name = path.name
    request.submission_description = f"{entry.message} {_tag(entry)}"
    return _ref(competitions.create_code_submission(request), competitions, slug, entry)


def _ref(response: Any, competitions: Any, slug: str, entry: Entry) -> str:
    ref = str(response.ref) if response.ref else _ref_in_list(competitions, slug, entry)
    if not ref:
        raise UserError(Fault(slug, f"Kaggle took no submission: {response.message}", "Do as it says, then try again"))
    return ref


def _ref_in_list(competitions: Any, slug: str, entry: Entry) -> str:
    """The number of a submission in Kaggle's own list, found by its description; empty if it is not there."""
    request = ApiListSubmissionsRequest()
    request.competition_name = slug
    request.page_size = LISTED
    submissions = competitions.list_submissions(request).submissions or []
    return next((str(one.ref) for one in submissions if (one.description or "").endswith(_tag(entry))), "")


def _scored(competitions: Any, entry: Entry) -> Entry:
    """Wait until Kaggle has scored it. Stopped while it waits, the same command goes on waiting."""
    if entry.status == ledger.COMPLETE:
        return entry
    request = ApiGetSubmissionRequest()
    request.ref = int(entry.ref)

    def judged() -> Any:
        submission = competitions.get_submission(request)
        return None if submission.status == SubmissionStatus.PENDING else submission

    tell("Waiting for the score; the same command goes on from here if it is stopped.")
    return _final(wait_for("Kaggle scores it", judged), entry)


def _final(submission: Any, entry: Entry) -> Entry:
    if submission.status == SubmissionStatus.COMPLETE:
        scores = {"public_score": submission.public_score or "", "private_score": submission.private_score or ""}
        return ledger.append(LEDGER, entry._replace(status=ledger.COMPLETE, **scores))
    if entry.status != ledger.ERROR:
        ledger.append(LEDGER, entry._replace(status=ledger.ERROR))
    reason = submission.error_description or "no reason given"
    remedy = "Mend the file (or the kernel, whose log says more), then submit the new one"
    raise UserError(Fault(f"{entry.competition}, submission {entry.ref}", f"Kaggle rejected it: {reason}", remedy))
