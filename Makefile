# Everything a fresh checkout needs is python3 (3.11 or later, with venv) and make.

PYTHON ?= python3
BIN := .venv/bin
PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help install serve test check format bench bench-disk bench-growth \
	bench-mixed bench-queue bench-scale bench-search bench-weight performance crash kills fuzz soak stress siege tls-report docs sanitize clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

install: .venv/installed  ## make .venv with the package and the command pillarbox in it

serve: .venv/installed  ## run a server with its data in ./var
	$(BIN)/pillarbox serve

test: .venv/installed-dev  ## run the tests
	$(BIN)/pytest -n $(PROCESSES) -rs

check: .venv/installed-dev  ## what must hold before a commit: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: .venv/installed-dev  ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-scale: .venv/installed-dev  ## measure what depends on the size of a mailbox; SIZES=1000,1000000
	$(BIN)/python -m bench.scale $(if $(SIZES),--sizes $(SIZES))

bench-search: .venv/installed-dev  ## measure searches of an account of 200,000 messages, and its index
	$(BIN)/python -m bench.finding --real
	$(BIN)/python -m bench.finding

bench-disk: .venv/installed-dev  ## measure what mail costs the disk, beside Dovecot
	$(BIN)/python -m bench.disk

bench-mixed: .venv/installed-dev  ## measure 200 accounts as people use them, beside Dovecot
	$(BIN)/python -m bench.mixed

bench-weight: .venv/installed-dev  ## measure memory, beside Dovecot
	$(BIN)/python -m bench.weight

bench-growth: .venv/installed-dev  ## plot how costs grow, with the newest figures of bench-scale
	$(BIN)/python -m bench.growth $(lastword $(sort $(wildcard bench/results/*-scale.json)))

bench-queue: .venv/installed-dev  ## measure a server that starts with 100,000 messages in its queue; MESSAGES=100000
	$(BIN)/python -m bench.queue --messages $(or $(MESSAGES),100000)

performance: .venv/installed-dev  ## write docs/performance.md from the newest figures of all of these
	$(BIN)/python -m bench.page

bench: .venv/installed-dev  ## measure beside Dovecot
	$(BIN)/python -m bench

crash: .venv/installed-dev  ## kill the server and cut its power, many times
	$(BIN)/python -m bench.crash

kills: .venv/installed-dev  ## kill whoever works while mail comes in and goes out, and count; ROUNDS=10 MESSAGES=5000
	$(BIN)/python -m tests.crash.campaign --rounds $(or $(ROUNDS),10) --messages $(or $(MESSAGES),5000)

fuzz: .venv/installed-dev  ## feed a server and each of its parsers garbage for a while; SECONDS=10 each
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.fuzz.guided $(if $(SECONDS),--seconds $(SECONDS))

soak: .venv/installed-dev  ## keep many devices in step for PILLARBOX_SOAK_MINUTES (30)
	$(BIN)/python -m tests.sync

stress: .venv/installed-dev  ## twenty devices hammer one mailbox for PILLARBOX_STRESS_SECONDS (60)
	$(BIN)/python -m bench.stress

siege: .venv/installed-dev  ## guess passwords from a hundred addresses beside people at work; PILLARBOX_GUESSES=10000
	$(BIN)/python -m bench.siege

tls-report: .venv/installed-dev  ## have testssl.sh and sslscan look at every port
	$(BIN)/python -m bench.tls_report

docs: .venv/installed-dev  ## write the generated pages again
	$(BIN)/python docs/generate.py
	$(BIN)/python -m tests.clients.logins

sanitize: .venv/installed-dev  ## test what is compiled with the compiler's checks of memory in it
	tests/sanitize.sh

clean:  ## remove what make made (never mail)
	rm -rf .venv build pillarbox/store/index/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamps: a repeated run installs nothing unless the list of dependencies changed.
.venv/installed: pyproject.toml $(wildcard pillarbox/store/index/compiled/*)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/installed-dev: pyproject.toml .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
