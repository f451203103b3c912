"""Stands between withdrawd and a real bgpd's vty, and has the faults that bgpd does not show by
itself: a configuration that somebody else has locked, and whatever is to happen at an exact step."""

import contextlib
import os
import select
import socket
import threading
from pathlib import Path

END = b"\0\0\0"

# What `configure terminal` gives while another session is in there, recorded from Quagga 1.2.3; the
# other is FRR's since it knows `configure exclusive` (lib/vty.c).
LOCKED = {
    "Quagga": b"VTY configuration is locked by other VTY\n",
    "newer FRR": b"% Configuration is locked by other client\n",
}


class _Proxy:
    """Takes connections until it is closed; each has a thread and a connection to the real one."""

    def __init__(self, listening):
        self.locked = None  # one of LOCKED's values
        self.refusing = False  # hangs up on whoever comes
        self.listening, self.closing = listening, False
        self.open = set()
        listening.listen(64)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while not self.closing:
            if select.select([self.listening], [], [], 0.1)[0]:
                client = self.listening.accept()[0]
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client):
        if self.refusing:
            client.close()
            return
        with client, contextlib.suppress(OSError), self._connect() as bgpd:
            self.open |= {client, bgpd}
            try:
                self._carry(client, bgpd)
            finally:
                self.open -= {client, bgpd}

    def hang_up(self):
        """On everybody."""
        for sock in list(self.open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.closing = True
        self.thread.join()
        self.listening.close()
        self.hang_up()


class VtyProxy(_Proxy):
    """The socket `bgpd.vty` in `directory`, for withdrawd and for vtysh.

    `moment(stage, command)`, if there is one, is called for each command: with "before" while bgpd
    has not heard it, with "after" when bgpd has carried it out and nobody knows. Whatever it does,
    bgpd stands still meanwhile. `instead` has the whole answer to a command that bgpd never hears;
    `altered` has, by command, a function that makes what is heard of what bgpd answers.
    """

    def __init__(self, bgpd, directory):
        self.bgpd = bgpd
        self.moment = None
        self.instead = {}
        self.altered = {}
        self.directory = Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.path = self.directory / "bgpd.vty"
        self.path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.path))
        os.chmod(self.path, 0o666)
        super().__init__(listening)

    def _connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.bgpd.vty_directory / "bgpd.vty"))
        return sock

    def _carry(self, client, bgpd):
        heard = b""
        while not self.closing:
            if b"\0" not in heard:
                if bgpd in select.select([client, bgpd], [], [])[0]:
                    return  # Between two commands it only says good-bye.
                got = client.recv(65536)
                if not got:
                    return
                heard += got
                continue
            command, heard = heard.split(b"\0", 1)
            client.sendall(self._answer(command.decode(), bgpd))

    def _answer(self, command, bgpd):
        if self.moment:
            self.moment("before", command)
        if command == "configure terminal" and self.locked:
            return self.locked + END + b"\1"
        if command in self.instead:
            return self.instead[command]
        bgpd.sendall(command.encode() + b"\0")
        answer = b""
        while answer[-4:-1] != END:
            got = bgpd.recv(65536)
            if not got:
                raise ConnectionError("bgpd hung up")
            answer += got
        if self.moment:
            self.moment("after", command)
        if command in self.altered:
            return self.altered[command](answer)
        return answer


class TelnetProxy(_Proxy):
    """A telnet port in `namespace`, in front of bgpd's.

    `speak(client, bytes)` passes on what bgpd says; `cut`, if it is a number, is how many bytes of it
    a conversation has before it is hung up on.
    """

    def __init__(self, namespace, port, bgpd_port=2605):
        self.namespace, self.bgpd_port = namespace, bgpd_port
        self.speak = socket.socket.sendall
        self.cut = None
        self.cuts = 0  # conversations that ended so
        listening = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        super().__init__(listening)

    def _connect(self):
        sock = self.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.connect(("127.0.0.1", self.bgpd_port))
        return sock

    def _carry(self, client, bgpd):
        typed, shown = b"", b""
        said = 0
        while not self.closing:
            ready = select.select([client, bgpd], [], [], 0.1)[0]
            if bgpd in ready:
                got = bgpd.recv(65536)
                if not got:
                    return
                cut = self.cut
                if cut is not None and said + len(got) >= cut:
                    client.sendall(got[: max(cut - said, 0)])
                    self.cuts += 1
                    return
                said += len(got)
                self.speak(client, got)
                shown = (shown + got)[-100:]
            elif client in ready:
                got = client.recv(65536)
                if not got:
                    return
                typed += got
            while b"\n" in typed:
                line, rest = typed.split(b"\n", 1)
                if line == b"configure terminal" and self.locked:
                    if not shown.endswith(b"# "):
                        break  # What was typed before has not been answered yet.
                    prompt = shown.rsplit(b"\n", 1)[-1]
                    answer = line + b"\r\n" + self.locked.replace(b"\n", b"\r\n") + prompt
                    client.sendall(answer)
                else:
                    shown = b""
                    bgpd.sendall(line + b"\n")
                typed = rest
