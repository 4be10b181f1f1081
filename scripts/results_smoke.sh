#!/usr/bin/env bash
# Everything behind docs/results.md, on a corpus so tiny that its figures say nothing but that they can be made:
#   scripts/results_smoke.sh BIN_OF_THE_ENVIRONMENT OUT_DIR
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1 out=$2

rm -rf "$out"
"$bin/apvg" virtual "$out/takes" --minutes 0.08 --seconds 5 --size 64 --samples 1 --seed 1
"$bin/apvg" virtual "$out/takes" --minutes 0.08 --seconds 5 --size 64 --samples 1 --seed 2 --split test
"$bin/python" scripts/ablate.py "$out/takes" "$out/runs" --variants scripts/ablations-smoke.toml --no-read-back --seeds 1
"$bin/apvg" evaluate "$out/runs/full-0" "$out/takes" -o "$out/full" --no-read-back --baselines --baseline-steps 20
"$bin/apvg" evaluate --compare "$out/full" "$out/runs/no-gru-0/report" -o "$out/compared"
