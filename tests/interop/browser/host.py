"""Starts Chromium without windows, and prints the address at which Playwright connects to it.

    host.py CHROMIUM

Chromium ends when the process that started this script ends.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

OPTIONS = [
    "--headless",
    # Chromium refuses to run as root with its sandbox. Its pages come from servers of the tests.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    # The pages must not need a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]

parent = os.getppid()
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    command = [sys.argv[1], *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    chromium = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    )
    for line in chromium.stderr:
        print(line, end="", file=sys.stderr)
        if "DevTools listening on " in line:
            print(line.rsplit(maxsplit=1)[1], flush=True)
            break
    # A full pipe would stop the browser.
    threading.Thread(target=chromium.stderr.read, daemon=True).start()
    try:
        while os.getppid() == parent and chromium.poll() is None:
            time.sleep(0.5)
    finally:
        try:
            os.killpg(chromium.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        chromium.wait()
