"""A built kernel pushed to Kaggle with its dataset, run there, and its output fetched."""

from pathlib import Path
from typing import Any, NamedTuple

import requests
from kagglesdk.blobs.types.blob_api_service import ApiBlobType, ApiStartBlobUploadRequest
from kagglesdk.datasets.types.dataset_api_service import (
    ApiCreateDatasetRequest,
    ApiCreateDatasetVersionRequest,
    ApiCreateDatasetVersionRequestBody,
    ApiDatasetNewFile,
    ApiGetDatasetRequest,
    ApiGetDatasetStatusRequest,
    ApiUploadDirectoryInfo,
)
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.kernels.types.kernels_api_service import (
    ApiGetKernelSessionStatusRequest,
    ApiListKernelSessionOutputRequest,
    ApiSaveKernelRequest,
)
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError
from pulmo.kaggle.build import DATASET_METADATA
from pulmo.kaggle.client import connected, status_of
from pulmo.kaggle.download import fetch
from pulmo.kaggle.folders import built_dataset, built_kernel, kernel_id, read_metadata
from pulmo.kaggle.metadata import OWNER, KernelMetadata, built_metadata
from pulmo.kaggle.private import check_private
from pulmo.kaggle.upload import put_file
from pulmo.kaggle.waiting import wait_for
from pulmo.pipeline.fingerprint import digest_file
from pulmo.pipeline.log import log
from pulmo.pipeline.scores import SHA256, SUBMISSION, read_scores, write_scores

_NO_SUCH = (403, 404)  # Kaggle's answers about a dataset that does not exist, or is another user's


class Pushed(NamedTuple):
    """A finished kernel: `owner/slug`, its version, the folder of its output, and the files in it."""

    kernel: str
    version: int
    folder: Path
    files: list[Path]


def push(competition: Competition, kind: str) -> Pushed:
    """Push a built kernel after its dataset, wait until it has run, and fetch its output.

    Raises:
        UserError: it has not been built, or without a user name; Kaggle refuses it; or it failed there.
    """
    name = kernel_id(competition, kind)
    if name.startswith(f"{OWNER}/"):
        remedy = f"Build it again with your name on Kaggle: `pulmo {competition.name} kernel build --owner USER`"
        raise UserError(Fault(name, "no Kaggle user name is set in the built kernel", remedy))
    kernel = built_kernel(competition, kind)
    check_private(kernel.parent)  # files may have been changed or added since the build
    metadata = built_metadata(competition, kind)
    with connected() as client:
        _send_dataset(client, built_dataset(competition, kind))
        version = _save_kernel(client, metadata, (kernel / metadata["code_file"]).read_text())
        log(f"{name}, version {version}: sent")
        _wait_for_kernel(client, name, version)
        folder = Path("submissions") / competition.name / f"{name.rpartition('/')[2]}-v{version}"
        files = _fetch_output(client, name, version, folder)
    _keep_scores(kernel.parent, folder)
    return Pushed(name, version, folder, files)


def _keep_scores(built: Path, folder: Path) -> None:
    """Copy the estimate of the kernel's model to its submission."""
    scores, submission = read_scores(built), folder / SUBMISSION
    if scores and submission.is_file():
        write_scores(folder, scores | {SHA256: digest_file(submission)})


def _send_dataset(client: Any, folder: Path) -> None:
    metadata = read_metadata(folder / DATASET_METADATA)
    owner, slug = metadata["id"].split("/")
    datasets = client.datasets.dataset_api_client
    before = _newest_version(datasets, owner, slug)
    content = _send_folder(client, folder)
    if before:
        request: Any = ApiCreateDatasetVersionRequest()
        request.owner_slug, request.dataset_slug = owner, slug
        request.body = ApiCreateDatasetVersionRequestBody()
        request.body.version_notes = "pulmo kernel push"
        request.body.files, request.body.directories = content.files, content.directories
        answer = datasets.create_dataset_version(request)
    else:
        request = ApiCreateDatasetRequest()
        request.owner_slug, request.slug, request.title = owner, slug, metadata["title"]
        request.license_name, request.is_private = metadata["licenses"][0]["name"], True
        request.files, request.directories = content.files, content.directories
        answer = datasets.create_dataset(request)
    if answer.error:
        raise UserError(
            Fault(metadata["id"], f"Kaggle refused the dataset: {answer.error}", "Correct that and push again")
        )
    version = wait_for("Kaggle unpacks the dataset", lambda: _ready(datasets, owner, slug, before))
    log(f"{metadata['id']}, version {version}: sent")


def _send_folder(client: Any, folder: Path) -> Any:
    """Upload all files of a folder; their tokens, in the folder's tree, for the request that follows."""
    content = ApiUploadDirectoryInfo()
    content.name = folder.name
    files, folders = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            folders.append(_send_folder(client, path))
        elif path.name != DATASET_METADATA:
            files.append(_send_blob(client, path))
    content.files, content.directories = files, folders
    return content


def _send_blob(client: Any, path: Path) -> Any:
    request = ApiStartBlobUploadRequest()
    request.type = ApiBlobType.DATASET
    request.name = path.name
    request.content_length = path.stat().st_size
    request.last_modified_epoch_seconds = int(path.stat().st_mtime)
    place = client.blobs.blob_api_client.start_blob_upload(request)
    log(f"Sending {path.name}, {path.stat().st_size / 1e6:.1f} MB …")
    put_file(path, place.create_url)
    file = ApiDatasetNewFile()
    file.token = place.token
    return file


def _newest_version(datasets: Any, owner: str, slug: str) -> int:
    """The number of a dataset's newest version; 0 if there is no such dataset."""
    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = owner, slug
    try:
        return max(1, int(datasets.get_dataset(request).current_version_number or 0))
    except requests.HTTPError as error:
        if status_of(error) in _NO_SUCH:
            return 0
        raise


def _ready(datasets: Any, owner: str, slug: str, before: int) -> int | None:
    """The number of the version that came after `before`, once Kaggle has unpacked it; None until then."""
    version = _newest_version(datasets, owner, slug)
    if version <= before:
        return None
    request = ApiGetDatasetStatusRequest()
    request.owner_slug, request.dataset_slug = owner, slug
    status = datasets.get_dataset_status(request).status
    if status == DatabundleVersionStatus.FAILED:
        raise UserError(Fault(f"{owner}/{slug}", "Kaggle could not unpack the dataset", "Push it again"))
    return version if status == DatabundleVersionStatus.READY else None


def _save_kernel(client: Any, metadata: KernelMetadata, code: str) -> int:
    request = ApiSaveKernelRequest()
    request.slug, request.new_title, request.text = metadata["id"], metadata["title"], code
    request.language, request.kernel_type = metadata["language"], metadata["kernel_type"]
    request.is_private = metadata["is_private"] == "true"
    request.enable_internet = metadata["enable_internet"] == "true"
    request.enable_gpu, request.enable_tpu = metadata["enable_gpu"] == "true", metadata["enable_tpu"] == "true"
    request.machine_shape = metadata["machine_shape"] or None
    request.session_timeout_seconds = metadata["session_timeout_seconds"]
    request.competition_data_sources = metadata["competition_sources"]
    request.dataset_data_sources = metadata["dataset_sources"]
    request.kernel_data_sources, request.model_data_sources = metadata["kernel_sources"], metadata["model_sources"]
    request.docker_image_pinning_type = metadata["docker_image_pinning_type"]
    request.docker_image = metadata.get("docker_image")
    answer = client.kernels.kernels_api_client.save_kernel(request)
    unknown = [*(answer.invalid_competition_sources or []), *(answer.invalid_dataset_sources or [])]
    if answer.error or unknown:
        what = answer.error or f"unknown sources {', '.join(unknown)}"
        raise UserError(Fault(metadata["id"], f"Kaggle refused the kernel: {what}", "Correct that and push again"))
    return int(answer.version_number)


def _wait_for_kernel(client: Any, name: str, version: int) -> None:
    request = ApiGetKernelSessionStatusRequest()
    request.user_name, request.kernel_slug = name.split("/")
    request.version_label = _label(version)

    def done() -> bool | None:
        answer = client.kernels.kernels_api_client.get_kernel_session_status(request)
        if answer.status in (KernelWorkerStatus.ERROR, KernelWorkerStatus.CANCEL_ACKNOWLEDGED):
            reason = answer.failure_message or "no reason given"
            raise UserError(Fault(name, f"it failed on Kaggle: {reason}", "Rehearse it: `kernel rehearse`"))
        return True if answer.status == KernelWorkerStatus.COMPLETE else None

    wait_for("Kaggle runs the kernel", done)


def _label(version: int) -> str:
    """A kernel's version as Kaggle's requests name it; the number alone gives a 404."""
    return f"v{version}"


def _fetch_output(client: Any, name: str, version: int, folder: Path) -> list[Path]:
    """All files of a finished kernel version's output, and its log."""
    request = ApiListKernelSessionOutputRequest()
    request.user_name, request.kernel_slug = name.split("/")
    request.version_label = _label(version)
    files = []
    while True:
        answer = client.kernels.kernels_api_client.list_kernel_session_output(request)
        for file in answer.files or []:
            files.append(_inside(folder, file.file_name))
            fetch(file.url, files[-1])
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    (folder / "kernel.log").parent.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.log").write_text(answer.log or "")
    return files


def _inside(folder: Path, name: str) -> Path:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            Fault(name, "would be written outside the folder", "Correct the paths that the kernel writes to")
        )
    return target
