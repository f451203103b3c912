"""What bgpd is sent, written down on the way."""

import contextlib
import select
import socket
import threading


class Recorder:
    """Listens in front of a vty, socket or telnet, and passes all on.

    `connect` makes a socket that is connected to bgpd. `sent` is what went to it.
    """

    def __init__(self, listener, connect):
        self.listener, self.connect = listener, connect
        self.sent = b""
        self.closing = False
        listener.listen(16)
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        while not self.closing:
            if select.select([self.listener], [], [], 0.1)[0]:
                near = self.listener.accept()[0]
                thread = threading.Thread(target=self._pass_on, args=(near,), daemon=True)
                thread.start()
                self.threads.append(thread)

    def _pass_on(self, near):
        with near, contextlib.suppress(OSError), self.connect() as far:
            while not self.closing:
                for ready in select.select([near, far], [], [], 0.1)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is near:
                        self.sent += data
                    (far if ready is near else near).sendall(data)

    def close(self):
        self.closing = True
        for thread in self.threads:
            thread.join()
        self.listener.close()


def in_front_of_socket(path, real):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))

    def connect():
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(real))
        return far

    return Recorder(listener, connect)


def in_front_of_telnet(namespace, port, real):
    listener = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))

    def connect():
        far = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        far.connect(("127.0.0.1", real))
        return far

    return Recorder(listener, connect)
