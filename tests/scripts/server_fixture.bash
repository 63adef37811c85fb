# Shared by the scripts that talk to `lathe serve`: a work folder in $work, a small chat model trained in a few seconds, a server.
work=$(mktemp -d)
cleanup() {
  local job
  for job in $(jobs -p); do kill -9 "$job" 2>/dev/null || true; done
  wait 2>/dev/null || true  # what still writes would be in the way of rm
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive
lathe=${LATHE:-${LATHE_BUILD:?}/lathe}

fail() { echo "FAILED: $*"; exit 1; }
quiet() { "$@" >out.txt 2>err.txt || { tail -n 5 err.txt; fail "$*"; }; }

# make_model: tags small (base and sft) in $LATHE_BASE_DIR, with a tokenizer of 400 tokens.
make_model() {
  awk 'BEGIN { srand(1); for (i = 0; i < 600; i++) { s = ""; n = 5 + int(rand() * 30); for (j = 0; j < n; j++) s = s " w" int(rand() * 50)
    printf "{\"text\": \"document %d:%s. One two three, red green blue.\"}\n", i, s } }' >corpus.jsonl
  awk 'BEGIN { srand(2); for (i = 0; i < 300; i++) { a = int(rand() * 9); b = int(rand() * 9)
    printf "{\"messages\": [{\"role\": \"user\", \"content\": \"What is %d + %d?\"}, {\"role\": \"assistant\", \"content\": \"It is %d.\"}]}\n", a, b, a + b } }' >chats.jsonl
  head -n 40 chats.jsonl >chats_val.jsonl
  quiet "$lathe" tokenizer train --data corpus.jsonl --vocab-size 400
  quiet "$lathe" train --data corpus.jsonl --depth 2 --aspect-ratio 16 --head-dim 16 --max-seq-len 512 --device-batch-size 2 --total-batch-size 1024 \
    --num-iterations 40 --eval-every -1 --sample-every -1 --save-every 40 --log-every 20 --tag small --threads 1
  quiet "$lathe" sft --data chats.jsonl --val-data chats_val.jsonl --max-seq-len 512 --device-batch-size 2 --total-batch-size 1024 --eval-every -1 \
    --tag small --threads 1
}

# start_server FLAG...: on a free port; its address in $url
start_server() {
  "$lathe" serve --port 0 "$@" >serve.out 2>serve.err &
  server=$!
  url=
  for ((i = 0; i < 1200; ++i)); do
    url=$(grep -hoE 'http://127\.0\.0\.1:[0-9]+' serve.out serve.err | head -n 1 || true)
    if [ -n "$url" ] && http GET /health >health.txt && grep -q '"ready": true' health.txt; then return; fi
    kill -0 "$server" 2>/dev/null || { tail -n 5 serve.err; fail "the server ended"; }
    sleep 0.1
  done
  fail "the server is not ready"
}

# http METHOD PATH [BODY]: the answer's body, by bash's own sockets; its status in the file "status".
http() {
  local method=$1 path=$2 body=${3:-} port=${url##*:}
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf '%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' "$method" "$path" "$(printf %s "$body" | wc -c)" "$body" >&3
  cat <&3 >response
  exec 3>&-
  head -n 1 response | tr -d '\r' | cut -d' ' -f2 >status
  sed '1,/^\r$/d' response
}
