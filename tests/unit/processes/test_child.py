"""What a forked process has of its parent, and what it must not have."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gureum.processes.child import PRELOADED, may_fork

pytestmark = pytest.mark.skipif(not may_fork(), reason="processes are spawned here")

# Forks need a parent of one thread, which a test's process is not.
THREADS = """
import os
from gureum.processes.child import PRELOADED, preload
import gureum.processes.supervisor
for name in PRELOADED:
    preload(name)
    print(name, len(os.listdir("/proc/self/task")))
"""

FORK = """
import json, logging, os, signal, sys, tempfile
from pathlib import Path
from gureum.processes import child
from gureum.processes.orders import Orders
from gureum.settings import Settings

def run(name, orders):
    with open(os.path.join(orders.settings.folder, "said"), "w") as file:
        json.dump({
            "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
            "handlers": len(logging.getLogger().handlers), "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
            "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), "group": os.getpgid(0) == os.getpid(),
            "name": Path("/proc/self/comm").read_text().strip(),
        }, file)
    print("to errors")
    orders.say_ready()
    if name == "broken":
        raise ValueError("this one breaks")
    if name == "waits":
        signal.pause()
    sys.exit(3)

child.run_process = run
logging.basicConfig(filename=os.devnull)
signal.signal(signal.SIGTERM, lambda *_: None)
secret, kept = (os.open(os.devnull, os.O_RDONLY) for _ in range(2))
heard, ready = os.pipe()
folder = Path(tempfile.mkdtemp())
orders = Orders(Settings(folder=folder), {"http": kept}, ready, os.getpid(), "")
with (folder / "errors").open("ab") as errors:
    codes = [(child.fork(name, orders, errors=errors).wait(20), os.read(heard, 5))[0] for name in ("ends", "broken")]
    waits = child.fork("waits", orders, errors=errors)
    assert os.read(heard, 5) == b"ready"
    assert waits.poll() is None
    waits.terminate()
    codes.append(waits.wait(20))
    waits.kill()  # too late is no error
said = json.loads((folder / "said").read_text())
print(json.dumps({"codes": codes, "said": said, "errors": (folder / "errors").read_text(), "kept": [kept, ready]}))
"""


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_imported_before_a_fork_starts_no_thread():
    assert python(THREADS).splitlines() == [f"{name} 1" for name in PRELOADED]


def test_a_forked_process_has_its_sockets_and_nothing_else_of_its_parent():
    told = json.loads(python(FORK).splitlines()[-1])
    assert told["codes"] == [3, 1, -15]
    said = told["said"]
    # 0, 1, 2, what it was given, the file that it writes and the folder that it reads.
    assert set(said["fds"]) >= {0, 1, 2, *told["kept"]}
    assert len(said["fds"]) == 5 + 2
    assert (said["handlers"], said["term"], said["blocked"], said["group"]) == (0, True, [], True)
    assert said["name"] == "gureum-waits"
    assert "to errors" in told["errors"]
    assert "ValueError: this one breaks" in told["errors"]
