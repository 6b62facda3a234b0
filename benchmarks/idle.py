"""What gureum costs when nobody uses it: memory of all processes, size of Studio's first page, time of `import gureum`.

`python -m benchmarks.idle [--quick]`. Memory is counted twice: RSS adds up pages that processes share several times, PSS
counts each page once; the goal is held against the larger.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "src" / "gureum" / "studio" / "static"

IDLE_BYTES_MAX = 1_000_000_000
FIRST_PAGE_BYTES_MAX = 500_000
IMPORT_S_MAX = 0.2


def idle_memory(settle_s: float) -> dict[str, float]:
    """Start gureum in a new folder, let it settle, and add up its processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "gureum",
            "up",
            "--folder",
            f"{folder}/data",
            "--port",
            "0",
            "--kinesis-port",
            "0",
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            time.sleep(settle_s)
            processes = [psutil.Process(pid) for pid in (ready["pid"], *ready["processes"].values())]
            before = sum(sum(p.cpu_times()[:2]) for p in processes)
            time.sleep(settle_s)
            cpu = (sum(sum(p.cpu_times()[:2]) for p in processes) - before) / settle_s
            return {
                "rss_bytes": sum(p.memory_info().rss for p in processes),
                "pss_bytes": sum(p.memory_full_info().pss for p in processes),
                "idle_cpu_share": round(cpu, 4),
            }
        finally:
            process.terminate()
            process.wait(20)


def first_page_bytes() -> int | None:
    """What a browser must load for Home, compressed: the page and what it names, directly or by its modules' imports."""
    index = STATIC / "index.html"
    if not index.exists():
        return None
    seen: set[Path] = set()
    waiting = [index]
    total = 0
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        body = path.read_bytes()
        total += len(body if path.suffix == ".woff2" else gzip.compress(body, 9))
        text = body.decode("utf-8", "replace")
        if path.suffix == ".html":
            waiting += [STATIC / name.lstrip("/") for name in re.findall(r'(?:src|href)="(/?assets/[^"]+)"', text)]
        elif path.suffix == ".js":
            # Static imports only: what is imported on demand is not part of the first page.
            waiting += [
                path.parent / name
                for name in re.findall(r'from\s*"\./([^"]+)"|import\s*"\./([^"]+)"', text)
                for name in name
                if name
            ]
    return total


def import_s(runs: int) -> float:
    """The median time that `import gureum` adds to an empty Python."""

    def once(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    return median(once("import gureum") - once("pass") for _ in range(runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    memory = idle_memory(3.0 if quick else 15.0)
    page = first_page_bytes()
    figures = {**memory, "first_page_gzip_bytes": page, "import_s": round(import_s(3 if quick else 15), 4)}
    goals = {
        "rss_bytes": f"<= {IDLE_BYTES_MAX}",
        "first_page_gzip_bytes": f"<= {FIRST_PAGE_BYTES_MAX}",
        "import_s": f"<= {IMPORT_S_MAX}",
    }
    holds = (
        memory["rss_bytes"] <= IDLE_BYTES_MAX
        and page is not None
        and page <= FIRST_PAGE_BYTES_MAX
        and figures["import_s"] <= IMPORT_S_MAX
    )
    print(json.dumps({"name": "idle", "figures": figures, "goals": goals, "holds": holds}))


if __name__ == "__main__":
    main()
