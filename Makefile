# Two commands for a new machine: `make quickstart` and `make check`. Both make .venv with the pinned set first.
PYTHON ?= python3
BIN := .venv/bin
# With an NVIDIA driver the CUDA builds are installed, otherwise the CPU builds.
SET := $(if $(shell command -v nvidia-smi 2>/dev/null),all-gpu,all-cpu)

.PHONY: quickstart check fix install clean

quickstart: install
	$(BIN)/gantools quickstart

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 25

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: .venv/.$(SET)

.venv/.$(SET): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(SET),dev]'
	touch $@

clean:
	rm -rf .venv quickstart runs art
