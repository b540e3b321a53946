# `make repro` rebuilds everything from raw files to report; `make test` runs the tests.
# Both first create .venv and install into it, and do that again only when the pinned
# requirements have changed.

VENV := .venv
BIN := $(VENV)/bin
# Stages are started as `python -m stages.NAME`: that python must be the one of .venv.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Pictures for the whole path of `make bench`.
IMAGES :=

.PHONY: help install repro recipe recipes search compare serve bench profile test lint lock clean-venv

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

install:  ## .venv with the pinned requirements (Python 3.11 to 3.13)
	@sh tools/install.sh $(VENV)

repro: install  ## the pipeline: runs the stages whose inputs have changed
	@echo "==> dvc repro"
	@dvc repro

# SET="model.weights=none train.epochs=1" wins over a recipe's own settings.
recipe: install  ## one recipe in the workspace: NAME=vgg16_attention, optionally SET="..."
	@python -m tools.recipes $(NAME) --set $(SET)

recipes: install  ## all recipes as queued experiments, and a table; optionally SET="..."
	@python -m tools.recipes --all --set $(SET)

MINUTES := 5
search: install  ## better settings of the head, as an experiment; MINUTES=5
	@python -m tools.search --minutes $(MINUTES)

compare: install  ## two or more finished experiments, paired: REVS="main my-exp"
	@python -m tools.compare $(REVS)

HOST := 127.0.0.1
PORT := 8000
serve: install  ## the trained model as a web page and over HTTP; HOST=127.0.0.1 PORT=8000
	@python -m app.serve --host $(HOST) --port $(PORT) $(FLAGS)

bench: install  ## benchmarks of speed, each against its rival; IMAGES="photos.zip" for the whole path
	@python -m benchmarks --images $(IMAGES)

STAGE := train
profile: install  ## a flame graph of a stage: STAGE=train
	@python -m benchmarks.profile $(STAGE)

test: install  ## the tests and the linter
	@echo "==> ruff"
	@ruff check . && ruff format --check .
	@echo "==> pytest"
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: install  ## formats the code and mends what the linter can mend
	@ruff format . && ruff check --fix .

lock: install  ## resolves requirements.txt into requirements.lock for Python 3.11 to 3.13, app/ too
	@python -m pip install --quiet uv==0.13.8
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	  requirements.txt -o requirements.lock
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	  --constraints requirements.lock app/requirements.txt -o app/requirements.lock
	@echo "==> requirements.lock and app/requirements.lock are new; the next make command installs it"

clean-venv:  ## removes .venv
	rm -rf $(VENV)
