"""What a user's `import gureum` gives, and what it costs: names are pinned, and nothing heavy is loaded.

Cost is told by `sys.modules`, in a process of its own: a time would only tell how busy the machine is.
"""

from __future__ import annotations

import json
import subprocess
import sys

import gureum

# Changing this is changing what users' programs may rely on: say so in CHANGELOG.md.
PUBLIC = [
    "__version__",
    "autopilot",
    "connect",
    "debugger",
    "errors",
    "experiment",
    "monitor",
    "open",
    "tune",
    "tuning",
]

# What a client of a server somewhere needs, and no more: httpx with what it is made of.
LIGHT = {"httpx", "httpcore", "h11", "anyio", "certifi", "idna", "sniffio", "click", "rich", "pygments"}
OURS_IN_A_CLIENT = {"client", "errors", "version"}
OURS_IN_A_COMMAND = OURS_IN_A_CLIENT | {"cli", "names", "settings"}

CONNECT = (
    "import gureum; c = gureum.connect('http://127.0.0.1:9', token='t'); c.stream('s'); c.table('t'); c.query('q')"
)


def loaded(code: str) -> tuple[set[str], set[str]]:
    """The libraries (not Python's own) and the parts of gureum that some code loads."""
    script = f"""
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    modules = json.loads(done.stdout)
    libraries = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"gureum"}
    ours = {name.split(".")[1] for name in modules if name.startswith("gureum.")}
    return {name for name in libraries if not name.startswith("_")}, ours


def test_the_public_names_are_these():
    assert gureum.__all__ == PUBLIC
    assert all(hasattr(gureum, name) for name in PUBLIC)


def test_import_gureum_loads_no_library_at_all():
    libraries, ours = loaded("import gureum")
    cure = "import it in the function that needs it, with the reason on the line"
    assert libraries == set(), f"`import gureum` loads {sorted(libraries)}: {cure}"
    assert ours <= OURS_IN_A_CLIENT, f"`import gureum` loads {sorted(ours - OURS_IN_A_CLIENT)}: {cure}"


def test_a_client_loads_neither_the_server_nor_an_engine():
    libraries, ours = loaded(CONNECT)
    cure = "the client speaks HTTP; what needs Arrow or an engine is imported in the method that gives it"
    assert ours <= OURS_IN_A_CLIENT, f"the client loads gureum.{sorted(ours - OURS_IN_A_CLIENT)}: {cure}"
    assert libraries <= LIGHT, f"the client loads {sorted(libraries - LIGHT)}: {cure}"


def test_a_command_that_asks_a_server_loads_no_engine():
    libraries, ours = loaded("import gureum.cli")
    heavy = {
        "pyarrow",
        "duckdb",
        "deltalake",
        "pandas",
        "numpy",
        "ibis",
        "fastapi",
        "sqlalchemy",
        "sqlglot",
        "boto3",
        "botocore",
    }
    cure = "import it in the command that needs it: every `gureum` that a person types waits for it"
    assert libraries & heavy == set(), f"`gureum` loads {sorted(libraries & heavy)}: {cure}"
    assert ours <= OURS_IN_A_COMMAND, f"`gureum` loads gureum.{sorted(ours - OURS_IN_A_COMMAND)}: {cure}"
