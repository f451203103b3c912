"""What the lab and the fleet have in common: they are put up, and gone when they are left."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


class Scenery:
    """A context manager: everything that `_build` started is gone when it is left, also by an
    exception. `_build` puts the end of each part on `stack`; it finds `directory`, which every user
    may look into.
    """

    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            self.directory = Path(tempfile.mkdtemp(prefix=f"wd-lab-{os.getpid()}-", dir="/tmp"))
            self.stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            # bgpd is another user.
            self.directory.chmod(0o755)
            self._build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()
