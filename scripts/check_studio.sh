#!/bin/sh
# Types, style, translations and size of the web application. Called by `make test`.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH
cd web
npm run --silent check
