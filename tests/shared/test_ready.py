"""The health check of containers is green when the process says so, and red when it says no, nothing, or nonsense."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local.stack.ports import free_port
from shared import ready


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A process that says this of itself; gives its port."""

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Says) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1), (404, 1)])
def test_the_exit_code_is_what_readyz_says(
    status: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(status, b'{"problems": ["behind"]}') as port:
        monkeypatch.setenv("GUANXI_HTTP_PORT", str(port))
        assert ready.main() == code
    assert ("behind" in capsys.readouterr().out) is (code == 1)


def test_a_port_where_nothing_answers_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_HTTP_PORT", str(free_port(None)))
    assert ready.main() == 1
