"""A real S3 server over HTTP (moto's), as a process, and a proxy before it that injects faults."""

import http.client
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

BUCKET = "chests"
PAGE_KEYS = 10
"""Keys in a page of a listing, 1,000 in the real S3."""
SECRET = "not-to-be-seen"
_STARTED_WITHIN_SECONDS = 60

Kind = Literal["reset", "cut", "busy", "slow", "denied", "missing"]
_ANSWERS = {"busy": (503, "SlowDown"), "denied": (403, "AccessDenied"), "missing": (404, "NoSuchKey")}


@dataclass
class InjectedFault:
    """What happens to the first `times` requests of each path that matches: the connection is reset, cut half way
    through the answer, slow, or answered with an error. `injected` counts them by path."""

    kind: Kind
    matching: str = ""
    times: int = 1_000_000
    injected: Counter[str] = field(default_factory=Counter)


@dataclass
class ObjectStore:
    """A bucket of the server, reached through the proxy."""

    server: str
    endpoint: str
    faults: list[InjectedFault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def url(self, prefix: str) -> str:
        """Of a prefix in the bucket."""
        return f"s3://{BUCKET}/{prefix}"

    def put(self, prefix: str, content: bytes) -> str:
        """Write an object, past the proxy; its URL."""
        _request(self.server, "PUT", f"/{BUCKET}/{prefix}", content)
        return self.url(prefix)

    def upload(self, folder: Path, prefix: str) -> str:
        """Write all files of a folder; the prefix's URL."""
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        return self.url(prefix)

    def delete(self, prefix: str) -> None:
        """Delete an object, past the proxy."""
        _request(self.server, "DELETE", f"/{BUCKET}/{prefix}")

    @contextmanager
    def injecting(self, *faults: InjectedFault) -> Iterator[None]:
        """Inject faults meanwhile."""
        self.faults[:] = faults
        self.requests.clear()
        try:
            yield
        finally:
            self.faults.clear()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Start the server and the proxy."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = f"127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE_KEYS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    proxy = _Proxy(("127.0.0.1", 0), _Handler)
    store = proxy.store = ObjectStore(server, f"http://127.0.0.1:{proxy.server_port}")
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
    thread.start()
    try:
        _wait_for(server, process)
        _request(server, "PUT", f"/{BUCKET}")
        yield store
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        process.kill()
        process.wait()


def environment_of(store: ObjectStore) -> dict[str, str]:
    """How programs reach the server: the variables of AWS's own tools."""
    return {
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


class _Proxy(ThreadingHTTPServer):
    store: ObjectStore
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: connections that the test has cut are no errors."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def do_GET(self) -> None:
        self._forward()

    def do_HEAD(self) -> None:
        self._forward()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def _forward(self) -> None:
        store = self.server.store
        store.requests.append(self.path)
        kind = self._fault(store)
        if kind == "reset":
            self._reset()
            return
        if kind in _ANSWERS:
            status, code = _ANSWERS[kind]
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self._answer(status, {"Content-Type": "application/xml"}, body)
            return
        with closing(http.client.HTTPConnection(store.server)) as connection:
            connection.request(self.command, self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name not in ("Transfer-Encoding", "Date")}
        if kind == "slow":
            time.sleep(0.5)
        self._answer(answer.status, headers, body, cut=kind == "cut")

    def _fault(self, store: ObjectStore) -> Kind | None:
        for fault in store.faults:
            if re.search(fault.matching, self.path) and fault.injected[self.path] < fault.times:
                fault.injected[self.path] += 1
                return fault.kind
        return None

    def _answer(self, status: int, headers: dict[str, str], body: bytes, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": headers.get("Content-Length", str(len(body)))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _request(server: str, method: str, path: str, body: bytes = b"") -> None:
    with closing(http.client.HTTPConnection(server)) as connection:
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=writer/20260101/us-east-1/s3/aws4_request"}
        connection.request(method, path, body, signed)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text


def _wait_for(server: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_SECONDS
    host, _, port = server.partition(":")
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("moto's server did not start")
