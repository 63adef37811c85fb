#!/usr/bin/env bash
# Bad input to train and sft: a message that names what is wrong and what to do, status 1, nothing lost or half written.
# C-5.28, C-5.37, C-6.8
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
bases=$LATHE_BASE_DIR/base_checkpoints

# refused STATUS PATTERN... -- VERB TAG [flag...]: ends with STATUS, and its last run's messages hold every pattern.
refused() {
  local expected=$1 patterns=() status=0 pattern
  shift
  while [ "$1" != -- ]; do
    patterns+=("$1")
    shift
  done
  shift
  rm -f "$2.$1.err"
  run "$@" || status=$?
  [ "$status" = "$expected" ] || { cat "$2.$1.err"; fail "$*: status $status, not $expected"; }
  for pattern in "${patterns[@]}"; do
    grep -qe "$pattern" "$2.$1.err" || { cat "$2.$1.err"; fail "$*: no word of \"$pattern\""; }
  done
}

# Tokenizer: none, and the command that makes one.
refused 1 "$LATHE_BASE_DIR/tokenizer" 'lathe tokenizer train' -- train none --tokenizer ''
# Corpora: absent, empty, of one line, broken in the middle, cut off.
refused 1 absent.jsonl -- train none --data absent.jsonl
: >empty.jsonl
refused 1 empty.jsonl -- train none --data empty.jsonl
mkdir empty_folder
refused 1 empty_folder -- train none --data empty_folder
head -n 1 corpus.jsonl >one.jsonl
refused 1 one.jsonl -- train none --data one.jsonl
{ head -n 20 corpus.jsonl; echo '{"text": "no end'; tail -n 300 corpus.jsonl; } >broken.jsonl
refused 1 broken.jsonl 'byte\|line' -- train none --data broken.jsonl
gzip -c corpus.jsonl >whole.jsonl.gz
head -c 3000 whole.jsonl.gz >cut.jsonl.gz
refused 1 cut.jsonl.gz -- train none --data cut.jsonl.gz
[ ! -d "$bases/none" ] || [ -z "$(find "$bases/none" -name 'step_*' -o -name '.saving*')" ] || fail "a run on a bad corpus saved something"

# Settings.
echo '{"devise_batch_size": 4}' >config.json
refused 1 config.json device_batch_size -- train none --config config.json
refused 2 device-batch-size -- train none --devise-batch-size 4
refused 1 '512' '3' '32' 'device-batch-size\|device_batch_size\|device batch' -- train none --device-batch-size 3
refused 1 eval_tokens -- train none --eval-tokens 100
refused 1 device_batch_size -- train none --device-batch-size 0
refused 1 depth -- train none --depth 0
refused 1 'does not fit' '--recompute block' -- train none --depth 60 --aspect-ratio 128 --head-dim 128 --device-batch-size 512 --total-batch-size 16384 --eval-every -1
refused 1 'horizon\|num.iterations' -- train none --num-iterations -1 --target-param-data-ratio -1

# A good run to spoil.
run train whole || fail "the good run"
cp -r "$bases/whole" good
spoil() {  # STEP FILE BYTES
  head -c "$3" "good/$1/$2" >"$bases/whole/$1/$2"
}
restore() {
  rm -rf "$bases/whole"
  cp -r good "$bases/whole"
}
for file in model.safetensors optimizer.safetensors; do
  spoil step_30 "$file" 20000
  refused 1 "step_30/$file" -- train whole --resume-from-step 30
  cmp good/metrics.jsonl "$bases/whole/metrics.jsonl" || fail "a refused resume touched the metrics"
  restore
done
spoil step_30 meta.json 300
refused 1 step_30/meta.json -- train whole --resume-from-step 30
restore
refused 1 'step 31' '30' -- train whole --resume-from-step 31
# Numbers that no run can mean: named before anything is read or asked for.
refused 2 'not a number' -- sft whole --matrix-lr nan
refused 1 matrix_lr -- sft whole --matrix-lr -0.1
refused 1 init_lr_frac -- sft whole --init-lr-frac -3
refused 1 lora_lr -- sft whole --lora --lora-lr -1
refused 1 lora_r -- sft whole --lora --lora-r 100000000000
refused 1 'micro batches' -- sft whole --total-batch-size 1099511627776
refused 1 threads -- sft whole --threads 100000
# Another tokenizer of the same size: two bytes change places.
awk '{ b[NR - 1] = $1 } END { t = b[65]; b[65] = b[66]; b[66] = t; for (i = 0; i < 256; i++) print b[i], i }' bytes.tiktoken >other.tiktoken
refused 1 'another tokenizer' meta.json -- train whole --tokenizer other.tiktoken --resume
diff -r good "$bases/whole" || fail "refused runs changed the run's folder"
# Changed flags on resume are named.
run train whole --resume-from-step 55 --matrix-lr 0.5 --adam-beta1 0.7
grep -q 'matrix_lr is 0.5, the run was started with 0.02' whole.train.err || fail "no word on --matrix-lr"
grep -q 'adam_beta1 is 0.7' whole.train.err || fail "no word on --adam-beta1"
cmp good/step_60/model.safetensors "$bases/whole/step_60/model.safetensors" || fail "changed rates had an effect on a resume"
restore

# Conversations.
mv bytes.tiktoken away.tiktoken
refused 1 bytes.tiktoken -- sft whole
mv away.tiktoken bytes.tiktoken
refused 1 absent.jsonl -- sft whole --data absent.jsonl
refused 1 empty.jsonl -- sft whole --data empty.jsonl
{ head -n 5 chats.jsonl; echo '{"messages": [{"role": "user", "content": "no answer"}]'; tail -n 100 chats.jsonl; } >bad_chats.jsonl
refused 1 bad_chats.jsonl 'line 6' -- sft whole --data bad_chats.jsonl
{ head -n 8 chats.jsonl; echo '{"messages": [{"role": "assistant", "content": "I am first"}]}'; } >bad_role.jsonl
refused 1 bad_role.jsonl 'line 9' -- sft whole --data bad_role.jsonl
refused 1 '512' '7' '64' -- sft whole --device-batch-size 7
refused 1 nosuch 'whole' -- sft nosuch

# A signal at once: no traceback, a status that tells, and what stands can be loaded.
for delay in 0 0.02 0.05 0.1 0.2; do
  status=0
  start train early
  sleep $delay
  kill -INT "$pid" 2>/dev/null || true
  wait "$pid" || status=$?
  case $status in
    3) run train early --resume || fail "what the signal left cannot be continued" ;;
    0 | 130) ;;
    *) fail "SIGINT after $delay s: status $status" ;;
  esac
  rm -rf "$bases/early"
done

# A disk that fills up during a save: the earlier checkpoint stands whole, nothing half written beside it.
mkdir small
if mount -t tmpfs -o size=2300k tmpfs small 2>/dev/null; then
  mounted=$work/small
  mkdir -p small/base
  cp -r "$LATHE_BASE_DIR" roomy
  refused 1 'MiB are free' -- train disk --base-dir small/base --depth 6 --head-dim 32 --aspect-ratio 32
  dd if=/dev/zero of=small/filler bs=1k count=2200 status=none || true
  refused 1 'No space\|MiB are free' -- train disk --base-dir small/base
  rm -rf small/*
  # Checkpoints of about 0.6 MB: the free space suffices for one at the start, and is gone at a later save.
  refused 1 'No space' step_\\\|.saving -- train disk --base-dir small/base
  run=small/base/base_checkpoints/disk
  [ -z "$(find $run -name '.saving_*')" ] || fail "a half-written checkpoint on the full disk"
  last=$(basename "$(find $run -maxdepth 1 -name 'step_*' | sort | tail -n 1)")
  for file in model.safetensors optimizer.safetensors; do
    cmp "good/$last/$file" "$run/$last/$file" || fail "the checkpoint before the full disk is damaged"
  done
else
  echo "no tmpfs here: the full disk is tried by TrapR10 alone"
fi
