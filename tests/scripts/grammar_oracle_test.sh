#!/usr/bin/env bash
# Structured output beside independent engines: masks equal XGrammar's bit for bit along random walks, what the walks write are instances
# to jsonschema and matches to re. Skipped where the packages are absent.
set -euo pipefail
python=${LATHE_PYTHON:-python3}
"$python" -c 'import xgrammar, jsonschema, torch' 2>/dev/null || { echo "no xgrammar, jsonschema or torch for $python"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
script=${LATHE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/scripts/grammar_oracle.py
"$python" "$script" cases "$work"
LATHE_GRAMMAR_CASES=$work "${LATHE_BUILD:?}/tests/test_infer" --gtest_filter='GrammarOracle.*' >"$work/log" || { tail -20 "$work/log"; exit 1; }
grep -q "OK.*GrammarOracle.WritesWalksAndMasks" "$work/log"
"$python" "$script" compare "$work"
