#!/usr/bin/env bash
# The commands of docs/serving.md: blocks marked "sh" run as they stand, one after another in one shell; the one marked "python" where
# there is OpenAI's client (LATHE_PYTHON). L-10.4
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
cleanup() {
  if [ -s "$work/server" ]; then
    kill -9 "$(cat "$work/server")" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$(cat "$work/server")" 2>/dev/null || break; sleep 0.05; done  # what still writes would be in the way of rm
  fi
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/bin" "$work/run"
ln -s "$lathe" "$work/bin/lathe"
export PATH="$work/bin:$PATH" HOME="$work" OMP_WAIT_POLICY=passive
unset LATHE_BASE_DIR
fail() { echo "FAILED: $*"; exit 1; }
text=${LATHE_SOURCE:?}/docs/serving.md

# A curl of bash's own sockets where there is none: -s, -f, -N, -d BODY, HOST:PORT/PATH.
if ! command -v curl >/dev/null; then
  cat >"$work/bin/curl" <<'CURL'
#!/usr/bin/env bash
set -euo pipefail
method=GET body= address= strict=
while [ $# -gt 0 ]; do
  case $1 in
    -d) method=POST body=$2; shift ;;
    -*f*) strict=1 ;;
    -*) ;;
    *) address=$1 ;;
  esac
  shift
done
host=${address%%/*} path=/${address#*/}
exec 3<>"/dev/tcp/127.0.0.1/${host##*:}"
printf '%s %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %s\r\n\r\n%s' "$method" "$path" "$host" "$(printf %s "$body" | wc -c)" "$body" >&3
answer=$(cat <&3)
case ${answer%%$'\r'*} in *' 2'*) ;; *) [ -z "$strict" ] || exit 22 ;; esac
printf '%s\n' "$answer" | sed '1,/^\r$/d'
CURL
  chmod +x "$work/bin/curl"
fi

# As they stand but for the port: port 8000 may be taken, so that the system chooses one, and the server's output tells which.
blocks() { awk -v kind="$1" '$0 == "```" kind {on = 1; next} /^```/ {on = 0} on' "$text"; }
[ "$(blocks sh | grep -c '^curl ')" -ge 12 ] || fail "docs/serving.md lost its commands"
cat >"$work/port" <<END
echo \$! >$work/server
until port=\$(sed -nE 's|.*http://127\.0\.0\.1:([0-9]+).*|\1|p' $work/serve.out | grep -m 1 .); do kill -0 \$! || exit 1; sleep 0.1; done
echo "\$port" >$work/chosen
END
# The client's turn is before the server is stopped.
{
  echo 'set -eo pipefail'
  blocks sh | grep -v '^kill ' | sed -E -e "/^lathe serve .* &\$/ { s|--port 8000 &|--port 0 >$work/serve.out \&|; r $work/port" -e '}' \
    -e 's/localhost:8000/localhost:$port/g'
} >"$work/script"
grep -q -- '--port 0 ' "$work/script" && ! grep -q 8000 "$work/script" || fail "the server's port is not the chosen one"
cd "$work/run"
timeout 800 bash "$work/script" >"$work/out" 2>"$work/err" </dev/null || { tail -n 15 "$work/out" "$work/err"; fail "a command of docs/serving.md"; }
for pattern in '"object": "list"' '"finish_reason"' 'data: \[DONE\]' '"usage": \{"prompt_tokens"' '"content": "(red|green|blue)"' '"token_logprobs": \[null' '"done": true' \
  '"object": "embedding"' '"token_strs"' 'lathe_generated_tokens_total\{model="[^"]*"\} [1-9]' 'model_not_found' 'must be a number from 0 to 2'; do
  grep -qE "$pattern" "$work/out" || { tail -n 15 "$work/out" "$work/err"; fail "no answer like $pattern"; }
done
grep -q '"openapi": "3.1.0"' openapi.json || fail "openapi.json"
python=${LATHE_PYTHON:-python3}
if command -v "$python" >/dev/null && "$python" -c 'import openai' 2>/dev/null; then
  blocks python | sed "s/8000/$(cat "$work/chosen")/g" >"$work/client.py"
  "$python" "$work/client.py" >"$work/client.out" || fail "the Python client of docs/serving.md"
  [ -s "$work/client.out" ] || fail "the Python client says nothing"
fi
