"""Transfers to and from Kaggle: download, submit, and the ledger of submissions."""

from pathlib import Path

from pulmo.commands.console import log, show_json, show_table
from pulmo.commands.score import validate_file
from pulmo.competition import Competition
from pulmo.errors import Fault, UserError
from pulmo.kaggle.credentials import hide
from pulmo.kaggle.ledger import LEDGER, Entry, latest, read
from pulmo.pipeline.disk import writing_to

PLOT = Path("work") / "submissions.png"


def download_data(competition: Competition, data: Path | None) -> None:
    """Download Kaggle's files into the data folder."""
    from pulmo.kaggle.download import download  # Kaggle's client, only when needed

    folder = data or competition.default_data
    with writing_to(folder):
        count = download(competition.kaggle_slug, folder)
    print(f"{folder}: {count} files")


def submit_file(
    competition: Competition,
    path: Path,
    message: str,
    kernel_version: int | None,
    sample: Path | None,
    resend: bool = False,
) -> None:
    """Validate a submission, send it, wait for its score, and record all of it in the ledger."""
    if hide(message) != message:
        raise UserError(Fault("--message", "holds one of your secrets", "Remove it: Kaggle stores the message"))
    expected = sample or competition.default_data / competition.sample
    if not expected.is_file():
        remedy = f"Run `pulmo {competition.name} download`, or name Kaggle's sample submission with --sample"
        raise UserError(Fault(str(expected), "there is no such file to validate against", remedy))
    validate_file(competition, path, expected)
    # Imported only now, so that nothing can be sent before the file is validated.
    from pulmo.kaggle.provenance import entry_of
    from pulmo.kaggle.submit import submit

    kernel = "" if kernel_version is None else f"{_built_kernel(competition)}/{kernel_version}"
    done = submit(competition.kaggle_slug, path, entry_of(competition, path, message, kernel), resend)
    log(f"Recorded in {LEDGER}")
    show_table([_row(done)])


def show_submissions(as_json: bool, plot: bool) -> None:
    """Print the ledger, one row for each submission; `plot` draws local estimates against Kaggle's scores."""
    entries = [Entry(*map(hide, entry)) for entry in latest(read(LEDGER))]
    if as_json:
        show_json([entry._asdict() for entry in entries])
    elif entries:
        show_table([_row(entry) for entry in entries])
    elif LEDGER.exists():
        print(f"{LEDGER} holds no submission.")
    else:
        print(f"There is no {LEDGER}: nothing has been sent from this folder.")
    if plot:
        from pulmo.report.leaderboard import draw_leaderboard

        drawn = draw_leaderboard([entry._asdict() for entry in entries], PLOT)
        print(f"figure {PLOT}" if drawn else "No submission has both an estimate and a score: nothing to draw.")


def _built_kernel(competition: Competition) -> str:
    from pulmo.kaggle.folders import kernel_id

    return kernel_id(competition)


def _row(entry: Entry) -> dict[str, str]:
    estimate = f"{entry.cv_mean} ± {entry.cv_error}" if entry.cv_mean else "–"
    return {
        "when": entry.when,
        "competition": entry.competition,
        "run": entry.run or "–",
        "status": entry.status,
        "estimate": estimate,
        "public": entry.public_score or "–",
        "private": entry.private_score or "–",
        "sha256": entry.sha256[:12],
        "commit": f"{entry.git_commit[:8]}{'' if entry.git_clean == 'yes' else '*'}" if entry.git_commit else "–",
        "message": entry.message,
    }
