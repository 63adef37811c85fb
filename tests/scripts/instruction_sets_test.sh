#!/usr/bin/env bash
# The tests and golden numbers of ops, and those of the tokenizers and of corpus, whose kernels are chosen alike, at every instruction set that this machine has, by masking the better ones.
set -euo pipefail
: "${LATHE_BUILD:?}" "${LATHE:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive

# in_force LEVEL: the level that doctor reports when LEVEL is asked for.
in_force() { LATHE_MAX_ISA=$1 "$LATHE" doctor --json --base-dir "$work" | tail -n 1 | sed -E 's/.*"vector unit": *\{[^}]*"text": *"([a-z0-9_]+).*/\1/'; }

levels=0
for level in scalar avx2 avx512 avx512_bf16; do
  [ "$(in_force "$level")" = "$level" ] || { echo "$level: not on this machine"; continue; }
  levels=$((levels + 1))
  for program in test_ops golden_ops test_tokenizer golden_tokenizer test_corpus; do
    LATHE_MAX_ISA=$level "$LATHE_BUILD/tests/$program" --gtest_brief=1 >"$work/log" 2>&1 || { echo "$program failed at $level:"; cat "$work/log"; exit 1; }
    echo "$level $program: $(tail -n 1 "$work/log")"
  done
done
[ "$levels" -ge 1 ] || { echo "no level was run"; exit 1; }

# A name that is no instruction set is an error that names those that are.
status=0
LATHE_MAX_ISA=avx9 "$LATHE" doctor --base-dir "$work" >"$work/log" 2>&1 || status=$?
[ "$status" = 1 ] && grep -q 'LATHE_MAX_ISA.*avx512_bf16' "$work/log" || { echo "LATHE_MAX_ISA=avx9: status $status"; cat "$work/log"; exit 1; }
