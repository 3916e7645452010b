"""The part of Kaggle that pulmo talks to: competitions, uploads, datasets, kernels; and what can go wrong with it.

It stands as an HTTP proxy, so that requests to any address end here: none leaves the machine.
"""

import json
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

SERVER = "http://localhost:7777"


@dataclass
class Answer:
    """An answer out of order, given once in place of the right one, `seconds` late."""

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    done: bool = False  # whether Kaggle has carried out the request nevertheless
    cut: bool = False  # whether the connection is reset in place of an answer


class KaggleServer:
    """Its state, which tests set and read; `requested` are the names of the requests in order."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.requested: list[str] = []
        self.open_requests: tuple[str, ...] = ()  # those that need no credentials
        self.faults: dict[str, list[Answer]] = defaultdict(list)
        self.competition: dict[str, Any] = {"isKernelsSubmissionsOnly": False, "submissionsDisabled": False}
        self.submissions: list[dict[str, Any]] = []
        self.returns_ref, self.list_lag = True, 0  # requests for which the newest submission is not listed yet
        self.verdicts: list[dict[str, Any]] = [{"status": "COMPLETE", "publicScore": "-6.9", "privateScore": "-6.8"}]
        self.blobs: dict[str, bytes] = {}
        self.blob_names: dict[str, str] = {}
        self.archive, self.file_count, self.cut_after = b"", 0, 0
        self.ranges: list[str] = []
        self.datasets: dict[str, list[dict[str, Any]]] = {}
        self.dataset_lag = 0  # requests for which a new version, once made, is not shown yet
        self.dataset_hidden = 0
        self.kernels: list[dict[str, Any]] = []
        self.kernel_states = ["QUEUED", "RUNNING", "COMPLETE"]
        self.kernel_output: dict[str, bytes] = {}
        server = self

        class Handler(_Handler):
            kaggle = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> "KaggleServer":
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    def fail(self, name: str, *answers: Answer) -> None:
        """Answer the next requests of that name so."""
        self.faults[name] += answers

    # The requests, by their names in Kaggle's client.

    def get_competition(self, _: dict[str, Any]) -> dict[str, Any]:
        return self.competition

    def start_submission_upload(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.start_blob_upload({"name": body["fileName"], **body})

    def start_blob_upload(self, body: dict[str, Any]) -> dict[str, Any]:
        token = f"blob{len(self.blob_names)}"
        self.blob_names[token] = body["name"]
        return {"token": token, "createUrl": f"{SERVER}/upload/{token}?signature=s3cr3t"}

    def create_submission(self, body: dict[str, Any]) -> dict[str, Any]:
        self.submissions.append(
            {"ref": 100 + len(self.submissions), "description": body["submissionDescription"], **body}
        )
        answer = {"message": "Successfully submitted", "ref": self.submissions[-1]["ref"]}
        return answer if self.returns_ref else {"message": answer["message"]}

    create_code_submission = create_submission

    def list_submissions(self, body: dict[str, Any]) -> dict[str, Any]:
        known = self.submissions[:-1] if self.list_lag else self.submissions
        self.list_lag = max(0, self.list_lag - 1)
        listed = [{"ref": one["ref"], "description": one["description"], "status": "PENDING"} for one in known]
        start, size = int(body.get("pageToken") or 0), body.get("pageSize") or 20
        more = start + size < len(listed)
        return {"submissions": listed[start : start + size], "nextPageToken": str(start + size) if more else ""}

    def get_submission(self, body: dict[str, Any]) -> dict[str, Any]:
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        return {"ref": body["ref"], **verdict}

    def get_competition_data_files_summary(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"fileSummaryInfo": {"totalFileCount": self.file_count}}

    def get_dataset_status(self, body: dict[str, Any]) -> dict[str, Any] | Answer:
        name = f"{body['ownerSlug']}/{body['datasetSlug']}"
        return {"status": "READY"} if name in self.datasets else Answer(404, "Dataset not found")

    def get_dataset(self, body: dict[str, Any]) -> dict[str, Any] | Answer:
        versions = len(self.datasets.get(f"{body['ownerSlug']}/{body['datasetSlug']}", []))
        if self.dataset_hidden:
            self.dataset_hidden -= 1
            versions -= 1
        return {"currentVersionNumber": versions} if versions else Answer(404, "Dataset not found")

    def create_dataset(self, body: dict[str, Any]) -> dict[str, Any]:
        self.datasets[f"{body['ownerSlug']}/{body['slug']}"] = [body]
        return {"status": "ok"}

    def create_dataset_version(self, body: dict[str, Any]) -> dict[str, Any]:
        self.datasets[f"{body['ownerSlug']}/{body['datasetSlug']}"].append(body["body"])
        self.dataset_hidden = self.dataset_lag
        return {"status": "ok"}

    def save_kernel(self, body: dict[str, Any]) -> dict[str, Any]:
        self.kernels.append(body)
        return {"ref": body["slug"], "versionNumber": len(self.kernels)}

    def get_kernel_session_status(self, body: dict[str, Any]) -> dict[str, Any] | Answer:
        if body.get("versionLabel") != f"v{len(self.kernels)}":
            return Answer(404, "Kernel version not found")
        state = self.kernel_states.pop(0) if len(self.kernel_states) > 1 else self.kernel_states[0]
        return {"status": state, "failureMessage": "" if state != "ERROR" else "No module named 'cc3d'"}

    def list_kernel_session_output(self, body: dict[str, Any]) -> dict[str, Any] | Answer:
        if body.get("versionLabel") != f"v{len(self.kernels)}":
            return Answer(404, "Kernel version not found")
        files = [{"fileName": name, "url": f"{SERVER}/output/{name}?signature=s3cr3t"} for name in self.kernel_output]
        return {"files": files, "log": "a line of the log\n"}


class _Handler(BaseHTTPRequestHandler):
    kaggle: KaggleServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = urlsplit(self.path).path.rpartition("/")[2]
        self.kaggle.requested.append(name)
        if self._out_of_order(name, body):
            return
        if name not in self.kaggle.open_requests and self.headers.get("Authorization") != f"Bearer {self.kaggle.token}":
            self._json(401, {"code": 401, "message": f"Unauthorized: {self.headers.get('Authorization')}"})
        elif name == "DownloadDataFiles":
            self.send_response(302)
            self.send_header("Location", f"{SERVER}/archive?signature=s3cr3t")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(getattr(self.kaggle, _snake(name))(body))

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.kaggle.requested.append("PUT")
        if not self._out_of_order("PUT", {}):
            assert "Authorization" not in self.headers, "a signed address needs no credentials"
            self.kaggle.blobs[urlsplit(self.path).path.rpartition("/")[2]] = body
            self._json(200, {})

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.kaggle.requested.append("GET")
        if self._out_of_order("GET", {}):
            return
        if path.startswith("/output/"):
            self._bytes(200, self.kaggle.kernel_output[path.removeprefix("/output/")])
        else:
            self._archive()

    def _archive(self) -> None:
        kaggle, wanted = self.kaggle, self.headers.get("Range", "")
        if "Authorization" in self.headers:  # the client follows the redirect only to learn where it leads
            self._bytes(200, kaggle.archive)
            return
        kaggle.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and self.headers["If-Range"] != self._version():
            start = 0
        if start > len(kaggle.archive):
            self._bytes(416, b"", headers={"Content-Range": f"bytes */{len(kaggle.archive)}"})
            return
        rest = kaggle.archive[start:]
        cut, kaggle.cut_after = kaggle.cut_after, 0
        self._bytes(206 if start else 200, rest, rest[:cut] if cut else rest)

    def _version(self) -> str:
        return f'"{hash(self.kaggle.archive)}"'

    def _out_of_order(self, name: str, body: dict[str, Any]) -> bool:
        if not self.kaggle.faults[name]:
            return False
        fault = self.kaggle.faults[name].pop(0)
        if fault.done:
            getattr(self.kaggle, _snake(name))(body)
        time.sleep(fault.seconds)
        if fault.cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True  # with nothing left to linger for, that is a reset
        else:
            self._answer(fault)
        return True

    def _answer(self, value: dict[str, Any] | Answer) -> None:
        if isinstance(value, Answer):
            self._json(value.status, {"code": value.status, "message": value.message}, value.headers)
        else:
            self._json(200, value)

    def _json(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._bytes(status, json.dumps(value).encode(), headers={"Content-Type": "application/json", **(headers or {})})

    def _bytes(
        self, status: int, body: bytes, sent: bytes | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Answer with `body`, or with its beginning only, as a connection that breaks does."""
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), "ETag": self._version(), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # the client may not have waited
            self.wfile.write(body if sent is None else sent)
        if sent is not None and sent != body:
            self.close_connection = True


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
