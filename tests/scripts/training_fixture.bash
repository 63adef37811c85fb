# Shared by the scripts that train: a work folder in $work, a tokenizer of single bytes, a tiny corpus and tiny flags.
work=$(mktemp -d)
cleanup() {
  local job
  for job in $(jobs -p); do kill -9 "$job" 2>/dev/null || true; done
  wait 2>/dev/null || true  # what still writes would be in the way of rm
  if [ -n "${mounted:-}" ]; then umount "$mounted" || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base
lathe=${LATHE:?}

fail() {
  echo "FAILED: $*"
  exit 1
}

# A rank file: 256 single bytes.
for ((i = 0; i < 256; ++i)); do
  printf "\\x$(printf %02x "$i")" | base64 | tr -d '\n'
  echo " $i"
done >bytes.tiktoken

awk 'BEGIN { srand(1); for (i = 0; i < 400; i++) { s = ""; n = 5 + int(rand() * 30); for (j = 0; j < n; j++) s = s " w" int(rand() * 50)
  printf "{\"text\": \"document %d:%s.\"}\n", i, s } }' >corpus.jsonl
awk 'BEGIN { srand(2); for (i = 0; i < 300; i++) { a = int(rand() * 90); b = int(rand() * 9)
  printf "{\"messages\": [{\"role\": \"user\", \"content\": \"%d + %d?\"}, {\"role\": \"assistant\", \"content\": \"It is %d.\"}]}\n", a, b, a + b } }' >chats.jsonl
head -n 40 chats.jsonl >chats_val.jsonl

model_flags=(--depth 2 --aspect-ratio 16 --head-dim 16 --max-seq-len 32 --window-pattern SL --device-batch-size 4)
train_flags=("${model_flags[@]}" --data corpus.jsonl --tokenizer bytes.tiktoken --total-batch-size 512 --num-iterations 60 --save-every 5
  --eval-every 20 --eval-tokens 512 --sample-every -1 --log-every 1 --threads 1)

sft_flags=(--data chats.jsonl --val-data chats_val.jsonl --max-seq-len 64 --device-batch-size 4 --total-batch-size 512 --save-every 5
  --eval-every 10 --eval-tokens 1024 --threads 1)

# start VERB TAG [flag...]: train or sft in the background as $pid; standard output to TAG.VERB.out, messages to TAG.VERB.err
start() {
  local verb=$1 tag=$2 flags=("${train_flags[@]}")
  if [ "$verb" = sft ]; then flags=("${sft_flags[@]}"); fi
  shift 2
  "$lathe" "$verb" "${flags[@]}" --tag "$tag" "$@" >>"$tag.$verb.out" 2>>"$tag.$verb.err" &
  pid=$!
}
# The same to its end, with its status.
run() {
  start "$@"
  wait "$pid"
}

# wait_line PID FILE PATTERN: until a line of the file matches; the process has ended without one: a failure
wait_line() {
  until grep -qaE "$3" "$2" 2>/dev/null; do
    if ! kill -0 "$1" 2>/dev/null && ! grep -qaE "$3" "$2" 2>/dev/null; then
      tail -n 5 "${2%.out}.err" 2>/dev/null || true
      fail "the program ended without a line like \"$3\" in $2"
    fi
    sleep 0.02
  done
}

# has FILE PATTERN...: every pattern (extended) matches a line of the file
has() {
  local file=$1 pattern
  shift
  for pattern in "$@"; do grep -qEe "$pattern" "$file" || { cat "$file"; fail "$file: no line like \"$pattern\""; }; done
}
