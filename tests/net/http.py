"""http.py - an HTTP/1.1 client that believes nothing: reads responses byte by byte and complains
about whatever is not as RFC 9112 wants it.

  http.py pipeline HOST FILE... : asks for all in one write, on one connection, in HTTP/1.1; the
                                  bodies must be the local files WANT/FILE (directory in $WANT)
  http.py raw HOST HEX          : sends bytes, prints what comes back until the close
"""
import os
import socket
import sys


class Reader:
    def __init__(self, sock):
        self.f = sock.makefile("rb")

    def line(self):
        line = self.f.readline(65536)
        assert line.endswith(b"\r\n"), "a line without its end: %r" % line[:80]
        return line[:-2]

    def exactly(self, n):
        data = self.f.read(n)
        assert len(data) == n, "%d bytes of %d" % (len(data), n)
        return data

    def chunks(self):
        body = b""
        while True:
            size = self.line()
            assert size and all(c in b"0123456789abcdefABCDEF" for c in size), size
            n = int(size, 16)
            if n == 0:
                while self.line():
                    pass
                return body
            body += self.exactly(n)
            assert self.exactly(2) == b"\r\n", "no line end behind a chunk"

    def response(self, method):
        status = self.line()
        assert status.startswith(b"HTTP/1.1 "), status
        fields = {}
        while True:
            line = self.line()
            if not line:
                break
            name, colon, value = line.partition(b":")
            assert colon and name == name.strip(), line
            fields.setdefault(name.lower(), []).append(value.strip())
        code = int(status.split()[1])
        length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
        assert not (length and coding), "a length and a coding"
        if method == "HEAD" or code in (204, 304):
            return code, fields, b""
        if coding:
            assert coding == [b"chunked"], coding
            return code, fields, self.chunks()
        assert length and len(length) == 1, "neither length nor coding"
        return code, fields, self.exactly(int(length[0]))


def pipeline(host, names):
    sock = socket.create_connection((host, 80), 100)
    methods = ["HEAD" if i % 4 == 3 else "GET" for i in range(len(names))]
    sock.sendall(b"".join(b"%s /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (m.encode(), n.encode())
                          for m, n in zip(methods, names)))
    reader = Reader(sock)
    for method, name in zip(methods, names):
        code, _, body = reader.response(method)
        assert code == 200, code
        if method == "GET":
            with open(os.path.join(os.environ["WANT"], os.path.basename(name)), "rb") as f:
                assert body == f.read(), "%s came as %d bytes" % (name, len(body))
    sock.sendall(b"GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % names[0].encode())
    reader.response("GET")
    assert reader.f.read() == b"", "bytes behind the last response"


def raw(host, text):
    sock = socket.create_connection((host, 80), 100)
    sock.sendall(bytes.fromhex(text))
    sock.shutdown(socket.SHUT_WR)
    while True:
        data = sock.recv(65536)
        if not data:
            break
        sys.stdout.buffer.write(data)


if sys.argv[1] == "pipeline":
    pipeline(sys.argv[2], sys.argv[3:])
else:
    raw(sys.argv[2], sys.argv[3])
