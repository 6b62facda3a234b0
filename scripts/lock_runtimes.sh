#!/bin/sh
# Make the locks of the runtimes again from their wish lists: newest versions that fit together, from the index that uv is set to.
# Look at the difference, install, `gureum runtime verify`, and measure `disk_bytes` in runtimes/runtime.py before you commit.
set -eu
cd "$(dirname "$0")/../src/gureum/runtimes/locks"
UV=../../../../.tools/bin/uv

for name in base ml; do
    "$UV" pip compile "$name.in" --output-file "$name.txt" --quiet --upgrade \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --override overrides.txt \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links
    printf '%s: %s packages\n' "$name" "$(wc -l <"$name.txt")"
done
