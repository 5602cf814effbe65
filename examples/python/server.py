"""Serves two pages: who asks for /sum/A/B gets the sum, / says which Python it is."""

import http.server
import sys


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        words = self.path.strip("/").split("/")
        if words == [""]:
            status, text = 200, f"Python {sys.version}\n"
        elif len(words) == 3 and words[0] == "sum":
            status, text = 200, f"{int(words[1]) + int(words[2])}\n"
        else:
            status, text = 404, "no such page\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("", 8000), Pages).serve_forever()
