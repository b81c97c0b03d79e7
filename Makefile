# Two commands are all a new user needs: `make demo` and `make test`. `make` alone lists the rest.
# ARGS goes to pytest: make test ARGS="-k shift". The fast tests run in as many processes as there are cores (two idle cores:
# 99 s instead of 169); ARGS="-n0" runs them in one, for a debugger.

export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export UV_PROJECT_ENVIRONMENT := .venv

PYTHON := .venv/bin/python
UV := sh tools/bootstrap.sh uv
READY := .venv/.synced

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Run both example analyses into out/ (start here)
	@echo "Running microcode_2025 (below) and, quietly beside it, retrenchment_simulated"
	@.venv/bin/alliancecred run retrenchment_simulated --out out/retrenchment_simulated --quiet & beside=$$!; \
	.venv/bin/alliancecred run microcode_2025 --out out/microcode_2025; status=$$?; \
	echo "Waiting for retrenchment_simulated"; wait $$beside && exit $$status
	@echo "Open out/microcode_2025/report.html and out/retrenchment_simulated/report.html"

test: $(READY) ## Run the fast tests and the examples in docstrings
	$(PYTHON) -m pytest -n auto --dist loadgroup -m "not slow" $(ARGS)

slow: $(READY) ## Run the tests that sample or open a browser (installs jax and docs; as root on Debian Chromium)
	@sh tools/browser.sh
	@$(UV) sync --quiet --locked --inexact --extra jax --group docs --python $(PYTHON)
	$(PYTHON) -m pytest -n auto --dist loadgroup tests -m slow $(ARGS)
	$(PYTHON) -m pytest -n auto --dist loadgroup tests_slow -m "not alone" $(ARGS)
	$(PYTHON) -m pytest tests_slow -m alone $(ARGS)

lint: $(READY) ## Check style, types, documents and the lock file
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) tools/docs.py
	$(UV) lock --check --python $(PYTHON)

docs: $(READY) ## Build the documentation, its code executed, its links checked (installs the docs group)
	@$(UV) sync --quiet --locked --inexact --group docs --python $(PYTHON)
	$(PYTHON) tools/docs.py
	$(PYTHON) -m sphinx --fail-on-warning --keep-going --nitpicky --quiet --jobs auto -d build/doctrees docs build/docs
	$(PYTHON) tools/docs.py --site build/docs
	@echo "Open build/docs/index.html"

bench: $(READY) ## Time the engine beside others (installs the bench group)
	$(UV) run --locked --group bench --python $(PYTHON) python benchmarks/run.py

calibrate: $(READY) ## Simulation-based calibration (long; commit its results)
	$(PYTHON) tools/calibrate.py

mutants: $(READY) ## Plant bugs and see which tests catch them (long; commit its results)
	$(PYTHON) tools/mutants.py

clean: ## Remove environment, caches and builds; results in out/ stay
	rm -rf .venv .uv build dist docs/api docs/models .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made when the lock file is newer than it, when it was made in another folder, or when its Python
# has gone. It is one for demo and test, and is used without `uv run`, which would check it again each time.
$(READY): pyproject.toml uv.lock tools/bootstrap.sh
	@sh tools/bootstrap.sh

ifneq ($(shell test -x $(PYTHON) && cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif
.PHONY: help demo test slow lint docs bench calibrate mutants clean
