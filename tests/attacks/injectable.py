"""A server that can be injected into wherever it is asked: what finds nothing here finds nothing anywhere.

    python3 injectable.py PORT
"""

import http.server
import json
import sqlite3
import sys
import urllib.parse

shop = sqlite3.connect(":memory:")
shop.executescript("create table products (id text, nome text); insert into products values ('1', 'cafe'), ('2', 'cha');")


class Injectable(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        query = dict(urllib.parse.parse_qsl(url.query))
        # As no program may do it.
        statement = (
            f"select nome from products where id = '{urllib.parse.unquote(url.path[1:])}' and nome = '{body.get('nome')}'"
            f" and 'x' = '{query.get('q')}' and 'x' = '{self.headers['If-Match']}'"
        )
        try:
            answer = json.dumps(shop.execute(statement).fetchall())
        except sqlite3.Error:
            answer = "[]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Injectable).serve_forever()
