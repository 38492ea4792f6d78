"""Receives webhooks: python receiver.py 8000 whsec_..."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

seen: dict[str, tuple[int, str]] = {}  # keep it where you keep the customers, changed in the same transaction


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            change = Webhook(sys.argv[2]).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_error(401)
            return
        place = (change.get("epoch", 0), change.get("sequence"))
        if "sequence" not in change:
            print(change["subject"], change["type"], change["data"], flush=True)  # a ping, a reset, or how one stands
        elif place > (last := seen.get(change["subject"], (-1, ""))) or self.headers["guanxi-replay"]:
            print(change["subject"], change["type"], change["data"], flush=True)
            seen[change["subject"]] = max(place, last)
        self.send_response(204)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
