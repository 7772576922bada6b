# SPDX-License-Identifier: GPL-3.0-or-later
# Needs Python 3.11, pip, git and make; each target sets up what it needs.
#
#   make demo            render a small animated sample scene on every device of this machine
#   make test            all tests that need no window, with bpy 5.0.1 (parts of it: unit, processes, integration, e2e)
#   make test-versions   the tests with real children in the other versions of Blender
#   make test-application BLENDER=PATH   a job whose children, and whose dispatcher's Python, are those of an application
#   make lint            ruff and mypy; `make format` mends what can be mended
#   make clean           remove everything that was made here

VERSION := 5.0.1
OTHER_VERSIONS := 4.2.0 4.5.15
PY := .venv/bin/python
DEMO := .demo

.PHONY: demo test lint format clean ready

ready:
	@sh tools/environment.sh .venv $(VERSION)

demo: ready
	@$(PY) tools/sample_scene.py $(DEMO)/sample.blend > $(DEMO).log || { cat $(DEMO).log; exit 1; }
	@rm -f $(DEMO).log
	@$(PY) -m dispatch render $(DEMO)/sample.blend --output '//frames/####' --devices all --strategy per-device --per-device 2

# The application's job has a target of its own: it needs an application.
SUITES := unit processes integration e2e
test: ready
	$(PY) -m pytest $(SUITES:%=tests/%) --ignore tests/e2e/test_application.py

.PHONY: $(SUITES)
$(SUITES): ready
	$(PY) -m pytest tests/$@ --ignore tests/e2e/test_application.py

.PHONY: $(OTHER_VERSIONS:%=test-%) test-versions
test-versions: $(OTHER_VERSIONS:%=test-%)
$(OTHER_VERSIONS:%=test-%): test-%:
	@sh tools/environment.sh .venvs/$* $*
	.venvs/$*/bin/python -m pytest tests/integration

.PHONY: test-application
test-application: ready
	$(PY) -m pytest tests/e2e/test_application.py --blender "$(BLENDER)"

lint: ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: ready
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -rf .venv .venvs $(DEMO) $(DEMO).log build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
