#!/bin/sh
# Install everything that this checkout needs, into the checkout; what only the system can give is installed when this
# user may, and otherwise named in one line. Called by `make setup`; safe to run again.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9

say() { printf '%s\n' "$*"; }

find_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
    say "Python 3.11 or newer is needed: type 'sudo apt install python3.11 python3.11-venv' (Debian), or see python.org" >&2
    exit 1
}

PYTHON=$(find_python)

if ! .tools/bin/uv --version 2>/dev/null | grep -q " $UV_VERSION"; then
    say "uv $UV_VERSION into .tools"
    rm -rf .tools
    if ! "$PYTHON" -m venv .tools >/dev/null 2>&1; then
        rm -rf .tools
        say "Python's venv module is needed: type 'sudo apt install $PYTHON-venv'" >&2
        exit 1
    fi
    .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
fi

say "Python packages by uv.lock"
.tools/bin/uv sync --frozen --quiet --python "$PYTHON"

say "Studio"
make --no-print-directory studio

if ! command -v chromium >/dev/null 2>&1 && ! command -v chromium-browser >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Chromium and fonts for the browser tests"
        apt-get update -qq >/dev/null 2>&1 || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null 2>&1 ||
            say "Chromium could not be installed: the browser tests will be skipped"
    else
        say "for the browser tests, type 'sudo apt install chromium fonts-noto-cjk' (the other tests run without)"
    fi
fi

say "ready: type 'make demo', or '.venv/bin/gureum up'"
