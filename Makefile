# The two commands are `make demo` and `make test`; everything they need they install into .venv and .vigie.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench hunt kill-rounds kill-tickets check generate lock clean venv

demo: venv
	$(BIN)/vigie demo $(if $(FOR),--for $(FOR))

# Each process has servers of its own, so they share out no tests where the environment names one for all of them.
SHARED_OUT := $(if $(VIGIE_DATABASE_URL)$(VIGIE_REDIS_URL),,--numprocesses auto --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder)

test: venv  ## the files of tests shared out to the cores, the long ones first
	$(BIN)/pytest $(SHARED_OUT) $(ARGS)

bench: venv
	$(BIN)/python -m tests.bench

kill-rounds: venv  ## kill -9 of random processes under load: about five minutes, or ROUNDS of them
	$(BIN)/python -m tests.bench.kill_rounds $(if $(ROUNDS),--rounds $(ROUNDS))

kill-tickets: venv  ## kill -9 of workers, Redis and PostgreSQL while tickets go out: about six minutes, or ROUNDS of them
	$(BIN)/python -m tests.bench.kill_tickets $(if $(ROUNDS),--rounds $(ROUNDS))

hunt: venv  ## the property tests over other examples than those that `make test` runs; again and again, ROUNDS times
	for round in $$(seq $(or $(ROUNDS),10)); do $(BIN)/pytest -q --hypothesis-profile=hunt tests/unit -k properties || exit; done

check: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m dashboards.generate --check

generate: venv  ## what is made from the code and committed
	$(BIN)/vigie schema
	$(BIN)/python -m dashboards.generate

lock:  ## needs uv; the lock names no index
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --extra dev pyproject.toml --output-file requirements.lock

venv:
	@$(PYTHON) -m deploy.local.venv

clean:
	@for link in .vigie/services*; do if [ -L "$$link" ]; then rm -rf "$$(readlink -f "$$link")"; fi; done
	rm -rf .venv .vigie build
