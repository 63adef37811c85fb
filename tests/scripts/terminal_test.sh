#!/usr/bin/env bash
# `lathe chat` through pipes, `lathe generate` over a file that is killed and gone on with, and a short soak of the server, with a
# small trained model. C-11.3, C-11.6
set -euo pipefail
# shellcheck source=tests/scripts/server_fixture.bash
source "${LATHE_SOURCE:?}/tests/scripts/server_fixture.bash"
make_model
model=(--tag small --source sft --threads 1 --log-level ERROR)

# One prompt, from a flag or standard input: the answer alone, and the same.
"$lathe" chat "${model[@]}" --temperature 0 --prompt 'What is 1 + 2?' >flag.out
printf 'What is 1 + 2?\n' | "$lathe" chat "${model[@]}" --temperature 0 --prompt - >pipe.out
cmp flag.out pipe.out || fail "--prompt - answers otherwise"
! grep -q 'Assistant:' flag.out || fail "more than the answer was written to a pipe"
! grep -q $'\033' flag.out || fail "colours in a pipe"
printf 'two\nlines\n' | "$lathe" chat "${model[@]}" --prompt - --max-tokens 4 >/dev/null
! "$lathe" chat "${model[@]}" --prompt - </dev/null 2>empty.err || fail "an empty prompt was answered"
grep -q 'standard input holds no text' empty.err || fail "an empty prompt is not told"
# A conversation line by line, with commands.
printf 'What is 1 + 2?\n/undo\n/nonsense\n/save talk.json\nhello\n/save talk.json\nquit\n' | "$lathe" chat "${model[@]}" >talk.out
for part in 'User: ' 'Assistant: ' 'Taken back: What is 1 + 2?' 'Unknown command: /nonsense' 'There is nothing to save yet' 'Saved to talk.json' 'Goodbye!'; do
  grep -qF "$part" talk.out || fail "chat does not say: $part"
done
printf '/load talk.json\n/regenerate\n/quit\n' | "$lathe" chat "${model[@]}" >again.out
grep -q 'Loaded 1 turn' again.out || fail "a saved conversation was not loaded"

# A file of prompts: whole, killed again and again, in other batches.
for ((i = 0; i < 120; ++i)); do
  echo "{\"id\": \"q$i\", \"messages\": [{\"role\": \"user\", \"content\": \"What is $i + $((i % 7))?\"}], \"max_tokens\": 48, \"ignore_eos\": true}"
done >in.jsonl
ask=("$lathe" generate "${model[@]}" --quiet --input in.jsonl)
"${ask[@]}" --output whole.jsonl >/dev/null
for pause in 0.1 0.25 0.4 0.3; do
  "${ask[@]}" --output parts.jsonl --batch 1 >/dev/null 2>&1 &
  job=$!
  sleep "$pause"
  kill -9 "$job" 2>/dev/null || true
  wait "$job" 2>/dev/null || true
done
"${ask[@]}" --output parts.jsonl --batch 7 >parts.out
cmp whole.jsonl parts.jsonl || fail "a killed run ends with other bytes"
[ "$(wc -l <whole.jsonl)" -eq 120 ] || fail "lines are missing"
! "${ask[@]}" --output whole.jsonl --temperature 0.5 2>other.err || fail "other settings were accepted"
grep -q 'temperature was' other.err || fail "other settings are not named"

# How even the times between tokens are is the soak's own question, over minutes on a machine of its own; here the most, a wait of five seconds, is what no busy
# machine makes of it.
SECONDS_OF_LOAD=4 CLIENTS=8 IDLE=40 KILL=0.1 MOST_GROWTH=1.3 MOST_TAIL=5000 "$LATHE_SOURCE/bench/soak_serve" "$lathe" --tag small --source sft --threads 1 >soak.out 2>soak.err ||
  { cat soak.out soak.err; fail "the soak failed"; }
grep -q 'no errors' soak.out || fail "the soak does not say how it ended"
