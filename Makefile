# Everything that a developer types. `make setup` first; it needs Python 3.11 or newer, make and git.
.DEFAULT_GOAL := help
SHELL := /bin/sh
UV := .tools/bin/uv
BIN := .venv/bin
STUDIO := src/gureum/studio/static/index.html
WEB_SOURCES := $(shell find web/src web/public web/*.json web/*.ts web/*.html -type f 2>/dev/null)

.PHONY: help setup demo check fix test soak bench docs clean studio

help:
	@echo "make setup   install everything into this checkout (first; again after a pull)"
	@echo "make demo    real sensor readings through stream, SQL, table, alert and live dashboard"
	@echo "make check   style, types, layers, unit tests (under 90 s)"
	@echo "make fix     let the formatter and the linter mend what they can"
	@echo "make test    everything: what CI runs"
	@echo "make soak    kill -9 as often as we promise to stand it: a quarter of an hour"
	@echo "make bench   all benchmarks in their quick form"
	@echo "make docs    write the reference pages from the code"
	@echo "make clean   take away what make made"

setup:
	@sh scripts/setup.sh

studio: $(STUDIO)

$(STUDIO): $(WEB_SOURCES)
	@sh scripts/build_studio.sh

demo: $(STUDIO)
	$(BIN)/gureum demo

check:
	@sh scripts/check.sh

fix:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test: $(STUDIO)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/imports
	sh scripts/check_studio.sh
	$(BIN)/pytest -q -n 3 --dist loadgroup

soak: $(STUDIO)
	$(BIN)/pytest -q -m crash --hypothesis-profile soak tests/crash

bench:
	@for name in ingest serving standing_query idle monitor; do $(BIN)/python -m benchmarks.$$name --quick || exit 1; done

docs:
	$(BIN)/python scripts/write_reference.py

clean:
	rm -rf .venv .tools .cache web/node_modules web/dist src/gureum/studio/static dist .mypy_cache .pytest_cache .ruff_cache
