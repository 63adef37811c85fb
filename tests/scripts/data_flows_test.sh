#!/usr/bin/env bash
# The documented command lines of the chat and the lab pipeline on real text, offline, with local files in the place of the sources.
# L-1.22, L-1.23, L-1.28
# L-1.18, L-2.3, L-3.1
# C-1.2, C-1.3
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
text=${LATHE_DATA:-}/text
[ -d "$text" ] || { echo "no real text (LATHE_DATA)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work" OMP_WAIT_POLICY=passive LATHE_BASE_DIR="$work/base"
run() { "$lathe" "$@" >>out 2>>err || { tail -n 5 out err; echo "failed: $*"; exit 1; }; }
fail() { echo "$*"; exit 1; }

# The chat pipeline: dataset, tok_train, tok_eval.
run nanochat.dataset -n 4 --source-map fineweb="$text"
run scripts.tok_train --max_chars=2000000000
run scripts.tok_eval
for name in base_data/shard_00000.parquet tokenizer/tokenizer.json report/tokenizer-evaluation.md; do [ -s "base/$name" ] || fail "no base/$name"; done
for old in data_shards checkpoints tokenizer.model; do [ ! -e "base/$old" ] || fail "base/$old: a name of the older layout"; done
grep -q '"vocab_size": 32768' base/tokenizer/manifest.json || fail "tok_train: not 32768 tokens"

# The lab pipeline: steps 10, 20, 10 and 30 with the shipped settings.
map=(--source-map c4="$text/c4_demo.jsonl.zst" gutenberg="$text/novels.jsonl.zst" fineweb_edu="$text/openstax.jsonl.zst" wikipedia="$text/webtext.jsonl.zst")
run scripts/10_prepare_corpus.py --config config/pretrain/corpus/tokenizer_training_mix.json --output-dir data/datasets/tokenizer_corpus --shard-size 10000 --use-cache "${map[@]}"
run scripts/20_train_tokenizer.py --config config/pretrain/tokenizer/spm32k.json --output-dir data/models/tokenizers/spm_32k
run scripts/10_prepare_corpus.py --config config/pretrain/corpus/tiny_23M_chinchilla_500M.json --output-dir data/datasets/tiny_23M_corpus --shard-size 10000 --use-cache "${map[@]}"
run scripts/30_pack_dataset.py --config config/pretrain/packing/default.json --corpus-dir data/datasets/tiny_23M_corpus \
  --tokenizer-dir data/models/tokenizers/spm_32k --output-dir data/processed/tiny_23M_1024
packed=data/processed/tiny_23M_1024
hash=$(grep -o '"sha256_hash": "[0-9a-f]*"' data/models/tokenizers/spm_32k/tokenizer_config.json | cut -d'"' -f4)
grep -q "\"tokenizer_config_hash\": \"$hash\"" $packed/final_manifest.json || fail "the packed set names another tokenizer"
grep -q '"vocab_size": 32768' $packed/manifest.json || fail "not 32768 pieces"
[ "$(stat -c %s $packed/train.bin)" -gt 10000000 ] || fail "too few tokens"
# Each step verifies what the one before it recorded.
shard=data/datasets/tiny_23M_corpus/shard_0000.jsonl.zst
printf 'x' | dd of="$shard" bs=1 seek=1000 conv=notrunc 2>/dev/null
if "$lathe" 30_pack_dataset --config config/pretrain/packing/default.json --corpus-dir data/datasets/tiny_23M_corpus \
  --tokenizer-dir data/models/tokenizers/spm_32k --output-dir data/processed/again >out 2>err; then fail "a changed shard was packed"; fi
grep -q 'shard_0000.jsonl.zst.*changed' err || { cat err; fail "the changed shard is not named"; }
