# Short names for what is done often; the work is in tools/ and CMakePresets.json. Everything here may be run on a fresh
# machine: each target sets up what it needs first (tools/setup).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
BENCH_PYTHON = $(or $(PYTHON),.deps/peers/bin/python)
.PHONY: help setup build program test demo bench fuzz format check clean

help:     ## what can be made
	@sed -n 's/^\([a-z]*\): *[a-z]* *## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup:    ## Debian packages and libtorch, nothing built
	@tools/setup

build:    ## the program and the libraries, optimised, in build/release
	@tools/build release

program:
	@tools/build release --target attend

test: build    ## the whole test suite
	@ctest --preset release --parallel "$$(nproc)"

demo: program  ## the main job on the data that ships
	@tools/demo

bench: build    ## every bench of speed, and which goals were missed; PYTHON=... has the peers (bench/peers/README.md)
	@cmake --build --preset release --target attend_attention_speed attend_linear_speed attend_train_speed attend_decode_speed attend_python
	@python3 bench/attention.py
	@! grep -qm1 avx512f /proc/cpuinfo || python3 bench/attention.py --isa avx2
	@python3 bench/linear.py
	@python3 bench/attention_peers.py --python $(BENCH_PYTHON)
	@$(BENCH_PYTHON) bench/train_speed.py
	@python3 bench/decoding.py --python $(BENCH_PYTHON)
	@python3 bench/goals.py

fuzz:    ## readers of files under mutated inputs, FUZZ_SECONDS (60) for each (tools/fuzz/README.md)
	@tools/setup --check
	@tools/fuzz/run $(or $(FUZZ_SECONDS),60)

format:    ## lay out the sources that changed since origin/main
	@tools/setup --check
	@tools/check_format --fix

check:    ## all that must hold before a change is handed in: layout, sanitisers, planted breaks, demo
	@tools/setup --check
	@tools/check

clean:    ## remove what was built; .deps and runs stay
	@rm -rf build demo
