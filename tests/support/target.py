"""A web server that somebody else could run: it counts what reaches it, and may do something in the middle of a request."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Target:
    """`hits` are method and path of each request, in order. `on_hit` runs after counting and before answering."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.on_hit: Callable[[str], None] = lambda _: None
        self._arrived = threading.Condition()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target._count(f"{self.command} {self.path}")
                answer = b'{"ok": true, "got": %d}' % len(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks up

            def log_message(self, *_: object) -> None:
                """Say nothing: the hits are the log."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that is killed in the middle of a request is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait_for(self, count: int, deadline: float = 30.0) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.hits) >= count, deadline), self.hits

    def _count(self, hit: str) -> None:
        with self._arrived:
            self.hits.append(hit)
            self._arrived.notify_all()
        self.on_hit(hit)

    @contextmanager
    def running(self) -> Iterator["Target"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
