#!/usr/bin/env bash
# lathe corpus over a text four times larger than its memory: the address space of the process is limited to what it takes over one record
# and 76 MB more (it needs some 56), the text has more than 304 MB. Rows L-2.1, L-2.24.
set -uo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset LATHE_BASE_DIR RANK WORLD_SIZE
export OMP_NUM_THREADS=2 MALLOC_ARENA_MAX=1
ulimit -s 1024  # of threads: address space that is reserved and not used
bound=$((76 << 20))

# 4 MB of records, then 72 times with other words.
awk 'BEGIN {
  srand(2)
  for (w = 0; w < 3000; ++w) word[w] = sprintf("%c%c%c%c%c", 97 + rand() * 26, 97 + rand() * 26, 97 + rand() * 26, 97 + rand() * 26, 97 + rand() * 26)
  for (i = 0; i < 4000; ++i) {
    line = "{\"text\": \""
    for (w = 0; w < 170; ++w) line = line word[int(rand() * 3000)] " "
    print line "\"}"
  }
}' >base.txt
for i in $(seq 72); do sed "s/ [aeiou]/&$i/g; s/n /n$i /g" base.txt; done >large.jsonl
head -1 base.txt >small.jsonl
bytes=$(stat -c %s large.jsonl)
[ "$bytes" -ge $((4 * bound)) ] || { echo "the text has only $bytes bytes"; exit 1; }
for name in small large; do
  echo "{\"name\": \"$name\", \"path\": \"$name.jsonl\", \"quality\": {\"quality\": []}, \"decontamination\": {\"enabled\": false}}" >$name.json
done
run() { # run NAME LIMIT
  prlimit --as="$2" "$LATHE" corpus --config "$1.json" --base-dir base --output-dir "$1" --memory-mb 16 --force >"$1.out" 2>"$1.err"
}

# The least address space, in steps of 8 MB, that one record takes.
least=$((128 << 20))
until (run small $least) 2>/dev/null; do  # with too little the program does not even start
  least=$((least + (8 << 20)))
  [ $least -le $((4 << 30)) ] || { echo "one record does not go through: $(cat small.err)"; exit 1; }
done
run large $((least + bound)) || { echo "$bytes bytes of text under $least + $bound bytes of memory: $(tail -3 large.err)"; exit 1; }
documents=$(sed -n 's/^corpus large: \([0-9,]*\) documents.*/\1/p' large.out | tr -d ,)
[ "$documents" = 288000 ] || { echo "$documents of 288000 documents came through"; exit 1; }
echo "all passed: $((bytes >> 20)) MB of text under $((bound >> 20)) MB of memory beyond the $((least >> 20)) MB of address space that one record takes"
