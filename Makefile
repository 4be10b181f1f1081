# make play    a video of a built-in performer: out/play.mp4     (PERFORMER=cello, AUDIO=your.mp3 for your own music)
# make test    lint, types and tests
# make docs    the documentation as a site: site/index.html
# make results-smoke    everything behind docs/results.md on a tiny corpus, in minutes: out/smoke
PYTHON ?= python3
# Files of tests side by side, each on one thread: half of the time on two cores.
PYTEST = --numprocesses auto --maxprocesses 4 --dist loadfile
PERFORMER ?= piano
AUDIO ?= apvg/samples/$(if $(filter cello,$(PERFORMER)),air,prelude).ogg

.PHONY: docs play results-smoke test
play: .venv/installed
	mkdir -p out
	.venv/bin/apvg generate "$(AUDIO)" -o out/play.mp4 --performer "$(PERFORMER)" --force

test: .venv/installed-dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright --pythonpath .venv/bin/python
	.venv/bin/lint-imports --no-logo
	OMP_NUM_THREADS=1 .venv/bin/pytest $(PYTEST)

docs: .venv/installed-dev
	.venv/bin/mkdocs build --strict

results-smoke: .venv/installed-dev
	scripts/results_smoke.sh .venv/bin out/smoke

# The constraints spare pip a long search, and make it take torch's CPU build where a package source offers one; the pip that
# comes with older Pythons takes three times as long over it.
.venv/installed: pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade 'pip>=25'
	.venv/bin/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade 'pip>=25'
	.venv/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ .venv/installed
