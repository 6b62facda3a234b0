#!/bin/sh
# Style, types, layers and quick tests: the tests on both cores, the others beside them, each part's failure under its name.
# Called by `make check`. Ends with 1 if any part failed; every part always runs, so that one run tells all.
set -u
cd "$(dirname "$0")/.."
BIN=.venv/bin
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT

part() {
    name=$1
    shift
    "$@" >"$said/$name.out" 2>&1 || echo "$*" >"$said/$name.failed"
}

{
    part style "$BIN/ruff" check
    part format "$BIN/ruff" format --check
    part types "$BIN/mypy"
    part layers "$BIN/lint-imports" --cache-dir .cache/imports
} &
"$BIN/pytest" tests/unit tests/sql tests/test_*.py -q -n 3 --dist worksteal --hypothesis-profile check "$@" || touch "$said/tests.failed"
wait

for name in style format types layers; do
    if [ -e "$said/$name.failed" ]; then
        printf '\n=== %s failed: %s\n' "$name" "$(cat "$said/$name.failed")"
        cat "$said/$name.out"
    fi
done
printf '\n'
for name in style format types layers tests; do
    if [ -e "$said/$name.failed" ]; then
        printf '%-7s FAILED\n' "$name"
    else
        printf '%-7s ok\n' "$name"
    fi
done
! ls "$said"/*.failed >/dev/null 2>&1
