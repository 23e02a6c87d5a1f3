#!/usr/bin/env bash
# Everything that needs a CUDA device, in less than ten minutes: the tests of this folder, then the benchmark, which writes
# docs/benchmarks/cuda.md.
#
#   tests/gpu/run_all.sh             on a machine with a CUDA device
#   tests/gpu/run_all.sh --dry-run   anywhere: the tests' code on the stand-in accelerator, and the benchmark's on the CPU.
#                                    It proves nothing about CUDA and writes nothing into docs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python="${PYTHON:-python}"
contestants=(torchkeras_shim torchkeras_shim-eager torchkeras_shim-graph compiled-loop graph-loop expert-loop)

step() { printf '\n=== %s (%ss)\n' "$1" "$SECONDS"; }

if [ "${1:-}" = "--dry-run" ]; then
    pages="$(mktemp -d)"
    trap 'rm -rf "$pages"' EXIT
    step "DRY RUN: the tests' code on the stand-in accelerator"
    GPU_TESTS_ON=stand_in "$python" -m pytest -n 0 -rs tests/gpu
    step "DRY RUN: the benchmark's code on the CPU"
    "$python" tests/benchmarks/run.py --device cpu --quick --no-imports --rounds 1 --threads 1 --models mlp \
        --only torchkeras_shim-eager torchkeras_shim-graph graph-loop expert-loop --write "$pages"
    test -s "$pages/cpu.md"
    step "dry run done: no CUDA path was run"
    exit 0
fi

if ! "$python" -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then
    echo "torch finds no CUDA device here. What can be tried without one: tests/gpu/run_all.sh --dry-run" >&2
    exit 1
fi

step "tests"
tests=0
timeout 240 "$python" -m pytest -n 0 --durations=10 tests/gpu || tests=$?

step "benchmark"
timeout 330 "$python" tests/benchmarks/run.py --quick --no-imports --rounds 3 --only "${contestants[@]}" \
    --write docs/benchmarks

step "docs/benchmarks/cuda.md is written; tests ended with status $tests"
exit "$tests"
