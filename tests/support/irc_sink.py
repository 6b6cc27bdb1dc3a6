"""An IRC server that takes everybody in and counts what they say; it may do something the moment a message arrives."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class IrcSink:
    """`heard` are the texts said in channels, in the order of their arrival. `on_message` runs after each."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.on_message: Callable[[str], None] = lambda _: None
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]

    def hear(self, text: str) -> None:
        self.heard.append(text)
        self.on_message(text)

    @contextmanager
    def running(self) -> Iterator["IrcSink"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, sink: IrcSink) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sink = sink


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    nick = "*"

    def handle(self) -> None:
        # A client that is killed in the middle of a line is what some tests are about.
        with suppress(OSError):
            for line in self.rfile:
                self._answer(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _answer(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb:
            case "CAP" if rest.startswith("LS"):
                self._say(":sink CAP * LS :")
            case "NICK":
                self.nick = rest
            case "USER":
                self._say(f":sink 001 {self.nick} :Welcome")
            case "JOIN":
                self._say(f":{self.nick}!u@h JOIN {rest}")
            case "PING":
                self._say(f":sink PONG sink {rest}")
            case "PRIVMSG":
                self.server.sink.hear(rest.partition(" :")[2])

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
