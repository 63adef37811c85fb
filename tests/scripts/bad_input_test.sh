#!/usr/bin/env bash
# Hostile inputs to the real program: every one ends with the exit status of docs/cli.md and a message that names the
# file, the place in it and what to do, and soon: a limit of minutes is for machines with much else to do; nothing is lost or left half written.
# One function a case; its name stands in the list at the end.
set -uo pipefail
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
unset LATHE_BASE_DIR RANK WORLD_SIZE
cd "$work" || exit 1
failures=0
skipped=""

fail() {
  echo "$current: $1"
  failures=$((failures + 1))
}

# expect STATUS [PART ...] -- WORD ...: `lathe WORD ...` ends with STATUS within 180 s, and standard error holds every PART.
expect() {
  local wanted=$1 status=0 parts=() part
  shift
  while [ "$1" != "--" ]; do
    parts+=("$1")
    shift
  done
  shift
  timeout 180 "$LATHE" "$@" >"$work/out" 2>"$work/err" || status=$?
  [ "$status" = "$wanted" ] || fail "lathe $*: status $status, expected $wanted: $(head -c 500 "$work/err")"
  for part in ${parts[@]+"${parts[@]}"}; do
    grep -qF -- "$part" "$work/err" || fail "lathe $*: \"$part\" is not in: $(head -c 500 "$work/err")"
  done
}

# expect_train STATUS [PART ...] -- DATA [FLAG ...]: the same of a small tokenizer training on DATA.
expect_train() {
  local before=()
  while [ "$1" != "--" ]; do
    before+=("$1")
    shift
  done
  shift
  expect "${before[@]}" -- tokenizer train --base-dir base --vocab-size 300 --quiet --data "$@"
}

rows() { # rows COUNT: a JSONL corpus
  local i
  for ((i = 0; i < $1; ++i)); do echo "{\"text\": \"the cat number $i sat on the mat\"}"; done
}

# nothing_torn FOLDER: no file but whole ones. A line of every JSONL file ends, and no temporary file is left.
nothing_torn() {
  local file
  while IFS= read -r file; do
    case $file in
      *.tmp.*) fail "left behind: $file" ;;
      *.jsonl) [ -z "$(tail -c 1 "$file")" ] || fail "torn: $file" ;;
    esac
  done < <(find "$1" -type f)
}

case_good_corpus() { # the control: what the other cases spoil
  rows 40 >good.jsonl
  expect_train 0 -- good.jsonl
}

case_empty_corpus() {
  : >empty.txt
  : >empty.jsonl
  printf '\n \n\n' >blank.txt
  mkdir -p no_documents
  expect_train 1 empty.txt "the corpus is empty" "lathe synth" -- empty.txt
  expect_train 1 empty.jsonl "the corpus is empty" "lathe synth" -- empty.jsonl
  expect_train 1 blank.txt "the corpus is empty" "lathe synth" -- blank.txt
  expect_train 1 no_documents "lathe synth" -- no_documents
  expect_train 1 not_there "lathe synth" -- not_there
  expect 1 base/base_data "lathe synth" -- tokenizer train --base-dir base
}

case_one_line_corpus() {
  echo "one line and no more" >one.txt
  echo '{"text": "one"}' >one.jsonl
  expect_train 1 one.txt "1 document" "give more text" -- one.txt
  expect_train 1 one.jsonl "1 document" "give more text" -- one.jsonl
}

case_invalid_utf8() {
  { rows 3; printf '{"text": "caf\351"}\n'; rows 3; } >latin.jsonl
  expect_train 1 latin.jsonl "line 4" "byte 13" "iconv" -- latin.jsonl
  for _ in 1 2 3 4 5 6 7 8 9; do printf 'caf\351 \377\376 and the cat sat on the mat, %s\n\n' "$(rows 100)"; done >latin.txt
  expect_train 0 -- latin.txt
  timeout 180 "$LATHE" tokenizer train --base-dir base --vocab-size 300 --data latin.txt >out 2>err || fail "latin.txt: status $?"
  grep -q "WARNING.*latin.txt.*UTF-8" err || fail "no warning names latin.txt: $(cat err)"
  printf 'caf\351\000\377' | timeout 180 "$LATHE" tokenizer encode --base-dir base --json >out || fail "encode of bytes: status $?"
  grep -q '"bytes": 6' out || fail "encode of bytes: $(cat out)"
}

case_50_mb_line_without_a_space() {
  head -c 50000000 /dev/zero | tr '\0' x >long.txt
  { printf '{"text": "'; cat long.txt; printf '"}\n'; rows 3; } >long.jsonl
  expect_train 0 -- long.txt
  expect_train 0 -- long.jsonl
  expect_train 0 -- good.jsonl
  timeout 180 "$LATHE" tokenizer encode --base-dir base <long.txt >/dev/null || fail "encode of a 50 MB word: status $?"
  rm long.txt long.jsonl
}

case_truncated_files() {
  rows 2000 >whole.jsonl
  mkdir -p cut shards
  head -c 30000 whole.jsonl >cut/a.jsonl
  cp whole.jsonl cut/b.jsonl
  expect_train 1 cut/a.jsonl "line $(($(wc -l <cut/a.jsonl) + 1))" "byte" "not valid JSON" "get the file again" -- cut

  gzip -c whole.jsonl >whole.jsonl.gz
  expect_train 0 -- whole.jsonl.gz
  head -c 2000 whole.jsonl.gz >cut.jsonl.gz
  expect_train 1 cut.jsonl.gz "byte 2000" "get the file again" -- cut.jsonl.gz
  { head -c 1000 whole.jsonl.gz; head -c 1000 /dev/zero; } >damaged.jsonl.gz
  expect_train 1 damaged.jsonl.gz "byte" -- damaged.jsonl.gz

  # A zstd frame of one raw block of 250 bytes.
  { printf '\x28\xb5\x2f\xfd\x20\xfa\xd1\x07\x00'; rows 40 | head -c 225; printf '                        \n'; } >whole.txt.zst
  [ "$(wc -c <whole.txt.zst)" = 259 ] || fail "the zstd file has $(wc -c <whole.txt.zst) bytes"
  head -c 200 whole.txt.zst >cut.txt.zst
  expect_train 1 whole.txt.zst "1 document" -- whole.txt.zst
  expect_train 1 cut.txt.zst "byte 200" "get the file again" -- cut.txt.zst

  { printf 'PAR1'; head -c 5000 whole.jsonl; } >cut.parquet
  expect_train 1 cut.parquet -- cut.parquet
  cp cut.parquet shards/a.parquet
  cp cut.parquet shards/b.parquet
  expect_train 1 shards/a.parquet -- shards
}

case_unknown_ending() {
  echo text >corpus.docx
  expect_train 1 corpus.docx ".jsonl" -- corpus.docx
}

case_config_file() {
  echo '{"vocab_sise": 300}' >typo.json
  echo '{"vocab_size": "300"}' >type.json
  printf '{"vocab_size": 300,\n "doc_cap": }' >broken.json
  expect 1 typo.json vocab_sise 'did you mean "vocab_size"' -- tokenizer train --config typo.json
  expect 1 type.json vocab_size -- tokenizer train --config type.json
  expect 1 broken.json "at byte" -- tokenizer train --config broken.json
  expect 1 not_there.json -- tokenizer train --config not_there.json
}

case_command_line() {
  expect 2 'did you mean "lathe tokenizer"' -- tokeniser train
  expect 2 'did you mean "lathe tokenizer train"' -- tokenizer trian
  expect 2 "vocab-size" "--help" -- tokenizer train --vocab-sise 300
  expect 2 "--help" -- tokenizer train --vocab-size
  expect 2 "not a whole number" -- tokenizer train --vocab-size many
  expect 2 "unexpected word" -- tokenizer train corpus.txt
  expect 2 "FILE" -- tokenizer render
  expect_train 1 "at least 265" -- good.jsonl --vocab-size 264
  expect 1 "size_mb" -- synth --base-dir base --size-mb 0
}

case_no_write_permission() {
  echo "not a folder" >file
  expect 1 "file" "--base-dir DIR" -- tokenizer train --base-dir file/base --data good.jsonl
  expect 1 "file" -- synth --base-dir base --out file --size-mb 1
  mkdir -p taken
  echo "not a folder" >taken/tokenizer
  expect 1 taken/tokenizer -- tokenizer train --base-dir taken --data good.jsonl
  [ "$(cat file)" = "not a folder" ] || fail "a file was overwritten"

  # As a user who may not write. Root has to become one.
  mkdir -p closed
  local as=()
  if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    if ! "${as[@]}" "$LATHE" --version >/dev/null 2>&1; then
      skipped="$skipped no_write_permission (cannot run the program as another user)"
      return
    fi
  else
    chmod 555 closed
  fi
  local status=0
  "${as[@]}" "$LATHE" synth --out closed --base-dir "$work/closed" --size-mb 1 >out 2>err || status=$?
  [ "$status" = 1 ] || fail "closed folder: status $status"
  grep -q "closed.*Permission denied" err || fail "closed folder: $(cat err)"
  status=0
  "${as[@]}" "$LATHE" tokenizer train --base-dir closed/base --data good.jsonl >out 2>err || status=$?
  [ "$status" = 1 ] || fail "closed base folder: status $status"
  grep -q "closed/base.*Permission denied" err || fail "closed base folder: $(cat err)"
  chmod 755 closed
}

# In a mount namespace of its own, so that the small disk goes with it.
case_disk_full() {
  local own=(unshare -m)
  [ "$(id -u)" = 0 ] || own=(unshare -rm)
  mkdir -p disk
  if ! "${own[@]}" mount -t tmpfs -o size=1m none disk 2>/dev/null; then
    skipped="$skipped disk_full (mounting a small tmpfs is not allowed)"
    return
  fi
  export LATHE
  "${own[@]}" bash -s <<'END' >disk.log 2>&1
mount -t tmpfs -o size=1m none disk
mkdir -p disk/base_data
echo '{"text": "an older corpus"}' >disk/base_data/shard_00000.jsonl
"$LATHE" synth --out disk --base-dir base --size-mb 5 2>err
[ $? = 1 ] || echo "synth: status not 1"
grep -q "disk/base_data/shard_00000.jsonl.*No space left.*free some space" err || echo "synth: $(cat err)"
[ "$(cat disk/base_data/shard_00000.jsonl)" = '{"text": "an older corpus"}' ] || echo "synth: the older shard is lost"
[ -z "$(find disk -name '*.tmp.*')" ] || echo "synth: left $(find disk -name '*.tmp.*')"

"$LATHE" tokenizer train --base-dir disk --data good.jsonl --vocab-size 280 --quiet >/dev/null || echo "training on a free disk failed"
before=$(sha256sum <disk/tokenizer/tokenizer.json)
head -c 2000000 /dev/zero >disk/filler 2>/dev/null
"$LATHE" tokenizer train --base-dir disk --data good.jsonl --vocab-size 300 --quiet >/dev/null 2>err
[ $? = 1 ] || echo "tokenizer: status not 1"
grep -q "disk/tokenizer/tokenizer.json.*No space left.*free some space" err || echo "tokenizer: $(cat err)"
[ "$(sha256sum <disk/tokenizer/tokenizer.json)" = "$before" ] || echo "tokenizer: the older one is lost"
END
  [ ! -s disk.log ] || fail "$(cat disk.log)"
}

case_standard_output_full() {
  [ -w /dev/full ] || return
  local status=0
  "$LATHE" tokenizer info --base-dir base --json >/dev/full 2>err || status=$?
  [ "$status" = 1 ] || fail "status $status"
  grep -q "standard output could not be written" err || fail "$(cat err)"
}

case_damaged_tokenizer() {
  expect_train 0 -- good.jsonl
  local file=base/tokenizer/tokenizer.json
  cp "$file" whole.json
  local mend="train it again: lathe tokenizer train"
  expect 1 not_there "lathe tokenizer train" -- tokenizer info --base-dir base --tokenizer not_there

  head -c 1000 whole.json >"$file" # cut
  expect 1 "$file at byte" "$mend" -- tokenizer info --base-dir base
  : >"$file"
  expect 1 "$file" "$mend" -- tokenizer encode --base-dir base text
  echo '{"format": "something"}' >"$file"
  expect 1 "$file" "not a lathe tokenizer" "$mend" -- tokenizer decode --base-dir base 1
  sed 's/"Yw=="/"Yg=="/' whole.json >"$file" # the byte c has become a second b
  expect 1 "$file" "$mend" -- tokenizer info --base-dir base
  sed 's/<|user_end|>/<|user_fin|>/' whole.json >"$file" # valid, but not what was hashed
  expect 1 "$file" "damaged or edited" "SHA-256" "$mend" -- tokenizer info --base-dir base
  sed 's/"IHQ="/"!!!!"/; s/"dGg="/"!!!!"/; s/"aGU="/"!!!!"/' whole.json >"$file" # no base64
  expect 1 "$file" "$mend" -- tokenizer render --base-dir base good.jsonl
  printf 'AA== 0\nAQ== 7\n' >gap.tiktoken
  expect 1 gap.tiktoken "at byte 7" "$mend" -- tokenizer info --base-dir base --tokenizer gap.tiktoken
  cp whole.json "$file"
  expect 0 -- tokenizer info --base-dir base
}

case_killed_while_writing() {
  local signal pid
  for signal in INT TERM KILL; do
    rm -rf killed
    # A shell's background job ignores SIGINT unless it is a job of its own.
    set -m
    "$LATHE" synth --base-dir killed --size-mb 2000 --quiet >/dev/null 2>&1 &
    pid=$!
    set +m
    until [ -s killed/base_data/shard_00000.jsonl ]; do
      kill -0 "$pid" 2>/dev/null || { fail "$signal: it ended before a shard was there"; break; }
      sleep 0.05
    done
    kill -s "$signal" "$pid"
    wait "$pid" 2>/dev/null && fail "$signal: status 0"
    [ ! -e killed/manifest.json ] || fail "$signal: a manifest of an unfinished corpus"
    rm -f killed/base_data/*.tmp.* # what was being written
    nothing_torn killed
  done
  expect_train 0 -- killed/base_data
  expect 0 -- synth --base-dir killed --size-mb 1 --conversations 100 --cases 10 --quiet
  [ "$(find killed/base_data -type f | wc -l)" = 2 ] || fail "shards of the unfinished corpus are left"
  nothing_torn killed
}

for current in good_corpus empty_corpus one_line_corpus invalid_utf8 50_mb_line_without_a_space truncated_files \
  unknown_ending config_file command_line no_write_permission disk_full standard_output_full damaged_tokenizer \
  killed_while_writing; do
  "case_$current"
done
[ "$failures" = 0 ] || exit 1
if [ -n "$skipped" ]; then
  echo "all else passed, not run:$skipped"
  exit 77
fi
