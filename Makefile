# SPDX-License-Identifier: GPL-3.0-or-later
# Needs Python 3.11, pip, git and make; each target sets up what it needs.
#
#   make demo            render a small animated sample scene on every device of this machine
#   make test            all tests that need no window, with bpy 5.0.1 (parts of it: unit, processes, integration, e2e)
#   make faults          the long campaigns of faults, an hour or two (FAULTS="--only real --seeds 1": a part of the table)
#   make test-versions   the tests with real children in the other versions of Blender
#   make test-application BLENDER=PATH   a job whose children and dispatcher are those of an application; the built zip in it
#   make test-gui BLENDER=PATH   the built zip in that application with a window: clicks, crashes (ZIP=FILE: that zip)
#   make zip             the extension, dist/*.zip, with the tool of BLENDER=PATH, of blender on PATH, or of .venv's bpy
#   make validate        this directory and that zip, with the same tool
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

# What needs an application has a target of its own.
APPLICATION := tests/e2e/test_application.py tests/e2e/test_extension.py
SUITES := unit processes integration e2e
test: ready
	$(PY) -m pytest $(SUITES:%=tests/%) tests/faults $(APPLICATION:%=--ignore %)

.PHONY: faults
faults: ready
	$(PY) -m pytest tests/faults --long --timeout 7200 -o faulthandler_timeout=7200
	$(PY) tests/faults/campaign_long.py $(FAULTS)

.PHONY: $(SUITES)
$(SUITES): ready
	$(PY) -m pytest tests/$@ $(APPLICATION:%=--ignore %)

.PHONY: $(OTHER_VERSIONS:%=test-%) test-versions
test-versions: $(OTHER_VERSIONS:%=test-%)
$(OTHER_VERSIONS:%=test-%): test-%:
	@sh tools/environment.sh .venvs/$* $*
	.venvs/$*/bin/python -m pytest tests/integration

.PHONY: test-application
test-application: ready
	$(PY) -m pytest $(APPLICATION) --blender "$(BLENDER)"

.PHONY: test-gui
test-gui: ready $(if $(ZIP),,zip)
	$(PY) -m pytest tests/gui --blender "$(BLENDER)" $(if $(ZIP),--zip "$(ZIP)")

.PHONY: zip validate
zip validate:
	@BLENDER="$(BLENDER)" sh tools/extension.sh $@

lint: ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: ready
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -f dispatch/assets/plotly.* dispatch/assets/.plotly
	rm -rf .venv .venvs $(DEMO) $(DEMO).log build dist wheels .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
