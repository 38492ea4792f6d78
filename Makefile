# Each target makes or updates its own environment in .venv from requirements/dev.txt. `make help` lists them.

VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# The first of these that is Python 3.11 to 3.13; or say make PYTHON=...
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-strip-extras --custom-compile-command 'make lock'

WALK = tests/e2e/test_import_page.py::test_from_the_export_to_explain
SCRIPTS = deploy/secrets deploy/backup deploy/nightly deploy/restore deploy/upgrade deploy/cluster/machine deploy/kafka/start deploy/kafka/healthy deploy/kafka/passwords deploy/mongodb/healthy deploy/mongodb/passwords deploy/mongodb/start .ci/engine .ci/run

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-fast test-walk test-real test-compose test-release test-cluster lint laws sim faults attacks mutants bench bench-compare bench-peers bench-scale bench-console bench-query pictures up lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## the main job on real data, from the doors to the views; ends by itself
	$(BIN)/guanxi demo

up: $(READY) ## Kafka, MongoDB and the services on this machine, until Ctrl-C
	$(BIN)/guanxi up

test: lint test-fast test-walk ## lint, the fast tests and one walk through the real stack: some eight minutes on two cores
	@echo 'Not run: the other tests on real servers, the console in a browser, the long simulation and Docker Compose'
	@echo '(make test-all), and what is run before a release (make test-release).'

test-all: lint test-fast test-real sim test-compose ## everything but test-release: what CI runs, over an hour

test-fast: $(READY) ## the tests that need no server and no browser: some three minutes
	$(BIN)/pytest -m "not real and not browser and not release" -n 2 --dist worksteal

test-walk: $(READY) ## one walk on a real Kafka and MongoDB: a file, its guessed mapping, the import, the views, explain
	$(BIN)/pytest $(WALK)

# Those that start stacks of their own come by themselves: they fill both cores.
test-real: $(READY) ## the tests on a real Kafka and MongoDB, the walk among them, and the console in a browser
	$(BIN)/pytest -m "(real or browser) and not release" -n 2 --dist loadfile --ignore tests/local --ignore tests/e2e
	$(BIN)/pytest -m "real and not release" tests/local tests/e2e

# Last of all, so that what comes before runs without an engine.
test-compose: $(READY) ## Docker Compose for real, from nothing to TLS; needs Docker and the images
	.ci/engine
	$(BIN)/pytest -m "compose and not release"

test-release: $(READY) ## before a release: long tests that rarely find anything (marker release), and 200 kills
	$(BIN)/pytest -m "release and not compose"
	$(BIN)/python -m tests.faults kills
	.ci/engine
	$(BIN)/pytest -m "release and compose"

lint: $(READY) ## formatting, ruff, mypy, import rules, scripts, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/hadolint deploy/Dockerfile deploy/front/Dockerfile

laws: $(READY) ## the laws on new random histories, 2,000 each, for an hour and more; OF=FILE for one
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -m "not real and not release" -n 2 --dist worksteal $(or $(OF),tests/laws tests/services/tiering/test_laws.py)

sim: $(READY) ## 2,000 seeds of the simulated system, 400 with the real services in it, and 40 of the webhooks; SEEDS=... runs more
	$(BIN)/python -m tests.sim --seeds $(or $(SEEDS),2000)
	$(BIN)/python -m tests.sim --seeds $(or $(SEEDS),400) --scenario services
	$(BIN)/python -m tests.services.delivery --seeds $(or $(SEEDS),40)

faults: $(READY) ## everything broken in turn on a real Kafka and MongoDB, in one table: docs/faults.md; FAULTS="kills cuts" for some
	$(BIN)/python -m tests.faults $(if $(FAULTS),$(FAULTS),--write docs/faults.md)

test-cluster: $(READY) ## three machines in Compose on this one, broken in turn under load: docs/cluster.md; FAULTS="broker primary" for some
	.ci/engine
	$(BIN)/python -m tests.cluster $(FAULTS)

attacks: $(READY) ## the HTTP door under attack: its memory, and what other clients see; ATTACKS="half_heads" for some
	$(BIN)/python -m tests.attacks $(ATTACKS)

mutants: $(READY) ## small changes of the core's code, and whether a test notices: OF="services.ingest.admit.claims*", or hours for all
	$(BIN)/mutmut run $(OF)
	$(BIN)/mutmut results

bench: $(READY) ## events per second, latency, and where the time goes, in one table
	$(BIN)/python -m tests.bench

bench-compare: $(READY) ## an old commit and this tree in turn: OLD=c416dc4 [TIMES=3] [MEASURES="load=8000 latency"]; see --help
	@test -n "$(OLD)" || { echo 'say which commit: make bench-compare OLD=...' >&2; exit 2; }
	$(BIN)/python -m tests.bench.compare --old $(OLD) $(if $(TIMES),--times $(TIMES)) $(MEASURES)

bench-peers: $(READY) ## the same events through guanxi and through what others use, in one table; PEERS="naive quix" for some
	$(BIN)/python -m tests.bench.peers $(PEERS)

bench-console: $(READY) ## p95 of each screen of the console with 50,000 customers, against its bound; CUSTOMERS=... for fewer, EVENTS=500 with so many coming in a second
	$(BIN)/python -m tests.bench.console_screens --customers $(or $(CUSTOMERS),50000) $(if $(EVENTS),--events-per-second $(EVENTS))

pictures: $(READY) ## the screenshots in docs/images; look at each before you commit it
	$(BIN)/python -m tests.services.query.console.documented

bench-query: $(READY) ## what reading costs: queries, streams, 1,000 followers, export; CUSTOMERS=... ROWS=... for fewer, PARTS="..." for some
	$(BIN)/python -m tests.bench.query --customers $(or $(CUSTOMERS),50000) --rows $(or $(ROWS),1000000) $(if $(PARTS),--parts $(PARTS))

bench-scale: $(READY) ## 1, 2 and 4 processes of each service: CPU by process, MongoDB by collection, what saturates first
	$(BIN)/python -m tests.bench.scale

lock: $(READY) ## pin what pyproject.toml asks for anew, with hashes
	$(UV_COMPILE) --upgrade --output-file requirements/run.txt pyproject.toml
	$(UV_COMPILE) --upgrade --extra export --constraint requirements/run.txt --output-file requirements/worker.txt \
		pyproject.toml
	$(UV_COMPILE) --upgrade --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt \
		pyproject.toml
	$(UV_COMPILE) --upgrade --output-file requirements/sbom.txt requirements/sbom.in
	$(UV_COMPILE) --upgrade --output-file requirements/peers.txt requirements/peers.in

clean: ## remove the environment and what tools have cached here
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "guanxi needs Python 3.11, 3.12 or 3.13, and found none on the PATH" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "could not make $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements/dev.txt pins into $(VENV)"
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=compat --editable .
	@touch $@
