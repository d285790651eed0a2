"""Starts the server: ``python -m strict_moto -H 127.0.0.1 -p PORT``.

EXIT_WITH_PARENT  the process id with whose end this server ends
EXT_ROOT_KEY      id:secret of the root user's access key, whom enforcement lets do everything
EXT_NB_DELAY      seconds that a notebook stays in a passing state (0.5)
EXT_SECURE        the value of aws:SecureTransport that policies see (true)
MOTO_IAM_LOAD_MANAGED_POLICIES=true makes AWS's own managed policies known.
"""

import logging
import os
import sys
import threading
import time

from moto.server import main

from . import assertions, enforcement, notebooks, permissions, reading, sessions, switches, users, validation  # noqa: F401


def exit_with(parent):
    """A test run that was killed leaves nothing behind. The kernel's parent-death signal is not used because it
    follows the thread that started us, and tests start processes from threads that end early."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    owner = os.environ.get("EXIT_WITH_PARENT")
    if owner:
        threading.Thread(target=exit_with, args=(int(owner),), daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    validation.install()
    main(sys.argv[1:])
