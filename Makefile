# make music        makes an environment, installs musika_tf and makes 3m57s of music: music.wav
# make app          opens a page in the browser that makes music; PORT=8000 names another port
# make test         runs the tests; ARGS="-k coordinates" or ARGS="-m slow" picks others
# make test-all     runs the long ones too, and on the newest TensorFlow (no tensorflow-io) what depends on it
# make lint         checks the style, and which room imports which
# make clean        removes what these made, but not the music
#
# An environment is made with the first suitable Python found; make PYTHON=python3.11 music names one.

VENV = .venv
LATEST = .venv-latest
PYTHON =
PORT = 7860
# In the order of their names, but for the file that takes longest: tests/conftest.py.
SPREAD = -n 2 --dist loadfile --no-loadscope-reorder
ARGS = -m 'not slow and not long' $(SPREAD)
# Pages, tools, benchmarks, command lines: what they test is the same on any TensorFlow.
NOT_LATEST = --ignore=tests/docs --ignore=tests/tools --ignore=tests/programs --ignore=tests/benchmarks \
	--ignore=tests/web --ignore=tests/fuzz/test_texts.py --ignore=tests/fuzz/test_flags.py
comma := ,

# Names may be shims of pyenv that fail because their version isn't selected, so the installations follow.
PYENV = $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions
# 3.11 first: the one that the extras onsets (3.11 and newer) and tempo (below 3.12) both have a build for.
PYTHONS = $(or $(PYTHON),python3.11 python3.12 python3.10 python3 \
	$(wildcard $(PYENV)/3.11.*/bin/python3 $(PYENV)/3.12.*/bin/python3 $(PYENV)/3.10.*/bin/python3))
NEWEST_PYTHONS = $(or $(PYTHON),python3.13 $(wildcard $(PYENV)/3.13.*/bin/python3) $(PYTHONS))

.PHONY: music app test test-long test-latest test-all lint clean
.NOTPARALLEL:

music: $(VENV)/installed
	$(VENV)/bin/python generate.py --bundle_dir=models/techno --length 3m57s --out music.wav

app: $(VENV)/installed-app
	$(VENV)/bin/python app.py --open --port=$(PORT)

test: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest $(ARGS)

test-all: test test-long test-latest

test-long: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest -m 'long and not slow' $(SPREAD)

test-latest: $(LATEST)/installed-test
	$(LATEST)/bin/python -m pytest $(NOT_LATEST) -m 'not slow and (not long or both)' $(SPREAD)

lint: $(VENV)/installed-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-logo --no-cache setup.cfg

clean:
	rm -rf $(VENV) $(LATEST) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The files named installed are stamps: pip runs again only where setup.cfg is newer.
$(VENV)/installed: setup.cfg | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install -e .
	touch $@

$(VENV)/installed-app: $(VENV)/installed
	$(VENV)/bin/python -m pip install -e '.[app]'
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(call install_test_extra,$(VENV),[test$(comma)onsets$(comma)tempo$(comma)beam$(comma)export])
	touch $@

$(LATEST)/installed-test: setup.cfg | $(LATEST)/bin/python
	$(call install_test_extra,$(LATEST),[test])
	$(LATEST)/bin/python -m pip uninstall -q -y tensorflow-io tensorflow-io-gcs-filesystem
	$(LATEST)/bin/python -m pip install --upgrade tensorflow
	touch $@

# On the pinned TensorFlow with the extractors of signals, on the newest with what stands in for them.
# Only the weights inside musicnn and basic-pitch are read; their own requirements are of other TensorFlows.
define install_test_extra
$(1)/bin/python -m pip install -e '.$(2)'
$(1)/bin/python -m pip install --no-deps musicnn basic-pitch==0.4.0
endef

$(VENV)/bin/python:
	@$(call make_environment,$(VENV),$(PYTHONS))

$(LATEST)/bin/python:
	@$(call make_environment,$(LATEST),$(NEWEST_PYTHONS))

# $(1): folder, $(2): Pythons to try. Debian has a venv module without ensurepip, which makes no environment.
define make_environment
old=; bare=; \
for python in $(2); do \
	$$python -c '' 2>/dev/null || continue; \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { old="$$old $$python"; continue; }; \
	$$python -c 'import ensurepip, venv' 2>/dev/null || { bare="$$bare $$python"; continue; }; \
	echo "$$python -m venv $(1)"; \
	$$python -m venv --clear $(1) && exec $(1)/bin/python -m pip install -q 'pip>=22.3'; \
	exit 1; \
done; \
echo "No environment: musika_tf needs Python 3.10 or newer with its modules venv and ensurepip. Tried: $(2)"; \
test -z "$$old" || echo "  too old:$$old"; \
test -z "$$bare" || echo "  venv or ensurepip missing:$$bare (Debian, Ubuntu: apt-get install python3-venv)"; \
echo "  Another one: make PYTHON=/path/to/python3 ..."; \
exit 1
endef
