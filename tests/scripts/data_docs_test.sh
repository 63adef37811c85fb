#!/usr/bin/env bash
# The commands of docs/data.md run as they stand, one after another.
# L-1.2, L-1.5
# L-15.9
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$lathe" "$work/bin/lathe"
export PATH="$work/bin:$PATH" HOME="$work" OMP_WAIT_POLICY=passive
unset LATHE_BASE_DIR

# Blocks between ```sh and ```; what needs the net stands in blocks without a language.
awk '/^```sh$/ {on = 1; next} /^```/ {on = 0} on' "${LATHE_SOURCE:?}/docs/data.md" >"$work/commands"
[ "$(grep -cE '^(! )?lathe ' "$work/commands")" -ge 20 ] || { echo "docs/data.md lost its commands"; exit 1; }
cd "$work/run"
echo 'set -e' | cat - "$work/commands" >"$work/script"
# "! command" does not end a script with -e; here it must.
sed -i -E 's/^! (.*)$/if \1; then echo "went well and should not: \1"; exit 1; fi/' "$work/script"
if ! bash "$work/script" >"$work/out" 2>"$work/err" </dev/null; then
  tail -n 15 "$work/out" "$work/err"
  exit 1
fi

fail() { echo "$*"; exit 1; }
grep -q 'already done' "$work/out" || fail "the second run of corpus did the work again"
for file in data/stories/{shard_0000.jsonl.zst,manifest.json,DATA_CARD.md,report.html} plan/plan.json bpe/tokenizer.json spm/tokenizer_config.json \
  bpe_hf/tokenizer.json packed/bpe/{train,val}.{bin,idx} packed/spm/final_manifest.json chat/base_data/shard_00001.parquet chat/report/tokenizer-evaluation.md \
  data/processed/tiny_23M_1024/manifest.json out/tiny/{tokens.bin,tokens_meta.json,tokenizer.json,step_8/meta.json}; do
  [ -s "$file" ] || fail "no $file"
done
[ ! -e plan/shard_0000.jsonl.zst ] || fail "--analyze-only wrote a shard"
[ ! -e packed/none ] || fail "a pack that failed left a folder"
# The chain of hashes: the packed set names the corpus and the tokenizer it was made from.
corpus=$(sha256sum data/stories/manifest.json | cut -d' ' -f1)
grep -q "\"corpus_manifest_sha256\": \"$corpus\"" packed/bpe/manifest.json || fail "the packed set does not name its corpus"
hash=$(grep -o '"sha256_hash": "[0-9a-f]*"' spm/tokenizer_config.json | cut -d'"' -f4)
grep -q "\"tokenizer_config_hash\": \"$hash\"" packed/spm/manifest.json || fail "the packed set does not name its tokenizer"
grep -qE 'broken/train.idx' "$work/err" || { cat "$work/err"; fail "the broken shard is not named"; }
grep -q 'lathe corpus' "$work/err" || fail "the error for a corpus that is not there names no command"
