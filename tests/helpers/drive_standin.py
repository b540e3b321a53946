"""Stand-in for Google Drive: an HTTPS proxy on this computer that answers for Drive's hosts.

The code under test is not changed and not patched. It is led here by HTTPS_PROXY, and trusts
the certificates made here by REQUESTS_CA_BUNDLE, as it would behind a company's proxy.
"""

import contextlib
import datetime
import html
import ssl
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = (
    "drive.google.com",
    "docs.google.com",
    "drive.usercontent.google.com",
    "accounts.google.com",
)
WARNING = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    '<input type="submit" value="Download anyway"/><input type="hidden" name="id" value="{id}">'
    '<input type="hidden" name="export" value="download">'
    '<input type="hidden" name="confirm" value="t"></form></body></html>'
)
QUOTA = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>"
    '<p class="uc-error-caption">Sorry, you can&#39;t view or download this file at this time.</p>'
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. '
    "Please try accessing the file again later.</p></body></html>"
)
SIGN_IN = "<!doctype html><html><head><title>Sign in - Google Accounts</title></head></html>"


@dataclass
class Answer:
    """One answer of the download host to a request for a file."""

    body: bytes = b""
    status: int = 200
    name: str | None = "pets.zip"  # None: a page, not a download
    content_type: str | None = "application/octet-stream"
    announce: bool = True  # Content-Length, or the end of the connection ends the body
    send: int | None = None  # bytes to send before the connection is cut; None sends all
    warn: bool = False  # ask for confirmation first, as Drive does for large files
    sign_in: bool = False  # send the visitor to the sign-in page
    etag: str | None = None  # also allows ranges
    hang: float = 0.0  # seconds of silence before the answer
    headers: dict[str, str] = field(default_factory=dict)


def page(text: str, status: int = 200) -> Answer:
    """An answer that is a web page."""
    return Answer(text.encode(), status, name=None, content_type="text/html; charset=utf-8")


class Drive:
    """The stand-in. Fill `files` and `folders`, then lead the code here with `environment`.

    Attributes:
        files: answers by file id; each visit takes the next, the last one stays.
        folders: by folder id, the title and the entries (kind, id, name), kind being "file" or
            "folder"; None sends the visitor to the sign-in page.
        visits: the addresses that were asked for, in order.
    """

    def __init__(self, folder: Path):
        self.files: dict[str, list[Answer]] = {}
        self.folders: dict[str, tuple[str, list[tuple[str, str, str]]] | None] = {}
        self.visits: list[str] = []
        self.stopping = threading.Event()
        self.ca = folder / "ca.pem"
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(_make_certificates(self.ca, folder / "host.pem"))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.drive = self
        self.proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def lead_here(self, monkeypatch) -> None:
        """Sets the environment of the code under test."""
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, self.proxy)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(self.ca))

    def stop(self) -> None:
        """Ends the server and the answers that still wait."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def next_answer(self, file_id: str) -> Answer:
        """The answer to this visit."""
        answers = self.files.get(file_id)
        if not answers:
            return page("<html><title>Error 404 (Not Found)!!1</title></html>", 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = ""
    cut = False

    def log_message(self, *arguments) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.host = self.path.split(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.drive.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the visitor was killed or has given up
            super().handle()

    def finish(self) -> None:
        if not self.cut:
            with contextlib.suppress(OSError, AttributeError, ValueError):
                self.connection.settimeout(0.1)
                self.connection.unwrap()  # an orderly end, like that of a complete body
        with contextlib.suppress(OSError):
            super().finish()
            self.connection.close()

    def do_GET(self) -> None:
        self.server.drive.visits.append(f"https://{self.host}{self.path}")
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if self.host == "accounts.google.com":
            self._send(page(SIGN_IN))
        elif url.path == "/embeddedfolderview":
            self._folder(query["id"])
        elif url.path == "/uc":
            self._redirect(
                f"https://drive.usercontent.google.com/download?id={query['id']}&export=download"
            )
        elif url.path == "/download":
            self._file(query)
        else:
            self._send(page("<html><title>Error 404 (Not Found)!!1</title></html>", 404))

    def _file(self, query: dict[str, str]) -> None:
        answer = self.server.drive.next_answer(query["id"])
        if answer.hang:
            self.server.drive.stopping.wait(answer.hang)
        if answer.sign_in:
            self._redirect("https://accounts.google.com/ServiceLogin?service=wise")
        elif answer.warn and "confirm" not in query:
            self._send(page(WARNING.format(id=query["id"])))
        else:
            self._send(answer)

    def _folder(self, folder_id: str) -> None:
        folders = self.server.drive.folders
        if folder_id not in folders:
            return self._send(page("<html><title>Error 404 (Not Found)!!1</title></html>", 404))
        if folders[folder_id] is None:
            return self._redirect("https://accounts.google.com/ServiceLogin?service=wise")
        title, entries = folders[folder_id]
        links = "".join(
            '<div class="flip-entry"><a href="https://drive.google.com/'
            + (f"file/d/{id}/view?usp=drive_web" if kind == "file" else f"drive/folders/{id}")
            + f'" target="_blank"><div class="flip-entry-title">{html.escape(name)}</div></a></div>'
            for kind, id, name in entries
        )
        text = f"<html><head><title>{html.escape(title)}</title></head><body>{links}</body></html>"
        return self._send(page(text))

    def _redirect(self, url: str) -> None:
        self._send(Answer(b"", 303, name=None, content_type=None, headers={"Location": url}))

    def _send(self, answer: Answer) -> None:
        body, status, headers = answer.body, answer.status, dict(answer.headers)
        byte_range = self.headers.get("Range")
        if answer.etag:
            headers["ETag"] = answer.etag
            if byte_range and self.headers.get("If-Range", answer.etag) == answer.etag:
                start = int(byte_range.removeprefix("bytes=").removesuffix("-"))
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, status = body[start:], 206
        if answer.content_type:
            headers["Content-Type"] = answer.content_type
        if answer.name:
            headers["Content-Disposition"] = f'attachment; filename="{answer.name}"'
        if answer.announce:
            headers["Content-Length"] = str(len(body))
        else:
            headers["Connection"] = "close"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if answer.send is None else body[: answer.send])
        if answer.send is not None:
            self.cut = answer.announce
            self.close_connection = True


def _make_certificates(ca_path: Path, host_path: Path) -> Path:
    """Writes a certificate authority and, signed by it, one certificate for all hosts."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Drive stand-in, tests only")])

    def unsigned(name: x509.Name, public_key) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
        )

    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    ca = (
        unsigned(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    host = (
        unsigned(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])]), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in HOSTS]), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    ca_path.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    host_path.write_bytes(
        host.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return host_path
