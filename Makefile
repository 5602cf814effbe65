# The ways in. `make demo` shows what tuxling does; `make test` is all that CI
# runs. TUXLING_NO_INSTALL=1 prints what would be installed, and stops.

# Where the tests of the Kconfig engine find the kernels that they compare with.
export KCONFIG_TEST_TREES ?= $(CURDIR)/target/kernel-trees

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test test-long bench clean

help:
	@echo 'make demo       install what is missing, build tuxling, check the recipe pc-net'
	@echo 'make test       everything that CI runs'
	@echo 'make test-long  the long suite: more kernels, more boots (two hours or more)'
	@echo 'make bench      the comparisons that the speed claims rest on'

setup:
	@scripts/setup.sh demo

setup-test:
	@scripts/setup.sh demo test
	@scripts/cargo-deny.sh
	@scripts/kernel-trees.sh "$(KCONFIG_TEST_TREES)"

demo: setup
	@echo 'Building tuxling itself; the first time, with all it is made of, some minutes.'
	@scripts/ticking.sh compiling cargo build --release --package tuxling
	@target/release/tuxling check pc-net

test: setup-test
	@cargo xtask test

test-long: setup-test
	@cargo xtask test-long

bench: setup-test
	@cargo bench --package initramfs
	@cargo bench --package kconfig --features differential
	@cargo bench --package shrink

clean:
	cargo clean
	rm -rf build
