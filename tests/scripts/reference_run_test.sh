#!/usr/bin/env bash
# 300 steps on real prose end where the chat origin's own run ended: every validation of it within 1.5 % in bits per
# byte. Weights start from other random numbers than there, so the curve is compared, not the digits; two seeds of the
# origin differ by 0.3 %. A long test: some ten minutes.
set -euo pipefail
golden=${LATHE_GOLDEN:-}/reference_run data=${LATHE_DATA:-}/text
[ -n "${LATHE_LONG:-}" ] || { echo "a long run; set LATHE_LONG=1"; exit 77; }
[ -f "$golden/ranks.tiktoken" ] && [ -d "$data" ] || { echo "no $golden or no $data"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Six shards of text, as the origin had them: documents cut at paragraphs behind 4000 characters, shuffled by seed 1.
python3 - "$data" "$work/text" <<'PYTHON'
import json, pathlib, random, subprocess, sys
data, out = map(pathlib.Path, sys.argv[1:])
documents = []
for name in ("novels", "openstax", "brown", "webtext", "c4_demo"):
    raw = subprocess.run(["zstd", "-dc", data / f"{name}.jsonl.zst"], check=True, capture_output=True).stdout.decode()
    for line in raw.splitlines():
        record, piece = json.loads(line), ""
        for paragraph in (record.get("text") or record["content"]).split("\n\n"):
            piece += paragraph + "\n\n"
            if len(piece) > 4000:
                documents.append(piece)
                piece = ""
        if piece.strip():
            documents.append(piece)
random.Random(1).shuffle(documents)
out.mkdir()
size = len(documents) // 6
for shard in range(6):
    part = documents[shard * size : (shard + 1) * size if shard < 5 else None]
    with open(out / f"shard_{shard:05d}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in part)
PYTHON

"${LATHE:?}" train --base-dir "$work/base" --data "$work/text" --tokenizer "$golden/ranks.tiktoken" --dtype fp32 --depth 4 \
  --head-dim 64 --window-pattern SSSL --max-seq-len 256 --device-batch-size 16 --total-batch-size 8192 --num-iterations 300 \
  --eval-every 100 --eval-tokens 131072 --bpb reference --sample-every -1 --seed 42 | tee "$work/train.out"

# | step | bits per byte | rows of the origin's table
checked=0
while IFS='| ' read -r _ step expected _; do
  reached=$(sed -nE "s/^Step 0*$step \| Validation bpb: ([0-9.]+)\$/\1/p" "$work/train.out")
  [ -n "$reached" ] || { echo "FAILED: no validation at step $step"; exit 1; }
  awk -v step="$step" -v a="$reached" -v b="$expected" 'BEGIN {
    off = a / b - 1; printf "step %d: %.6f, the origin %.6f, %+.2f %%\n", step, a, b, 100 * off
    exit !(off < 0.015 && off > -0.015) }' || { echo "FAILED: more than 1.5 % off"; exit 1; }
  checked=$((checked + 1))
done < <(sed -nE '/^\| [1-9][0-9]* \|/p' "$golden/README.md")
[ "$checked" -ge 3 ] || { echo "FAILED: only $checked rows of the table were compared"; exit 1; }
