"""A web server (or proxy) of the tests' own on 127.0.0.1, which answers as a test tells it to."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextlib.contextmanager
def serving(answer):
    """Serve until the block ends; `answer(handler)` writes each reply. Gives the address of a file and the requests."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            # A client that looks at the first bytes and leaves is no error of the server.
            with contextlib.suppress(ConnectionError):
                answer(self)

        def do_CONNECT(self):  # what a proxy is asked
            self.do_GET()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file", requests
    finally:
        server.shutdown()
        # server_close() would wait for replies that hang on purpose.
        server.socket.close()


def reply(content, content_type="application/octet-stream", status=200, length=None):
    """An answer with this content; `length` lies about its size."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer
