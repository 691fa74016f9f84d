"""Endpoints for tests/net/30 and 32: a server that sends what a module cannot bear, as it is asked to.

    poison.py server PORT              one line of request per connection: NAME
    poison.py client ADDRESS PORT NAME prints what came, or "reset"; "attacks": again and again
"""
import socket
import sys
import threading
import time

PIECES = {  # bytes, or seconds to wait
    "good": [b"a ~ b\n"],
    "untouched": [b"hello ", 0.3, b"\1 world ~\n", 0.5, b"~ end\n"],
    "folded": [b"a ~ b\n", 1.5, b"c \1 ~ d\n", 1.0, b"~ e\n"],
    "live": [b"~" * 1000 + b"\1", 30],
    "attack": [b"w\n", 0.2, b"x ! y\n", 0.5, b"z\n"],
    "attacks": [b"x ! y\n", 0.05] * 20,
    "hang": [b"before ~ ", 0.3, b"\2 ~ after\n"],
}


def answer(conn):
    with conn:
        name = conn.makefile().readline().strip()
        try:
            for p in PIECES[name]:
                if isinstance(p, bytes):
                    conn.sendall(p)
                else:
                    time.sleep(p)
        except OSError:
            pass


def serve(port):
    s = socket.create_server(("", port), reuse_port=False)
    while True:
        conn, _ = s.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(conn,), daemon=True).start()


def fetch(address, port, name):
    s = socket.socket()
    if name == "live":  # a window too small for what the edits make of the bytes
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.settimeout(3 if name == "attacks" else 100)
    got = b""
    try:
        s.connect((address, port))
        s.sendall(name.encode() + b"\n")
        if name == "live":
            time.sleep(4)
        while True:
            b = s.recv(65536)
            if not b:
                break
            got += b
    except ConnectionResetError:
        print("reset")
        return
    except OSError as e:
        print(e)
        return
    sys.stdout.write(got.decode("latin-1"))


if sys.argv[1] == "server":
    serve(int(sys.argv[2]))
elif sys.argv[4] == "attacks":
    while True:
        fetch(sys.argv[2], int(sys.argv[3]), "attacks")
else:
    fetch(sys.argv[2], int(sys.argv[3]), sys.argv[4])
