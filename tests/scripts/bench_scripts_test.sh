#!/usr/bin/env bash
# bench/compare, bench/baseline and bench/peers on stand-ins for lathe and its peers that give fixed figures.
set -euo pipefail
source_dir=${LATHE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$1"; exit 1; }

# lathe_like FILE SPEED: notes its calls; its n-th call is drift^n as fast, as on a machine that grows busier.
lathe_like() {
  cat >"$1" <<END
#!/usr/bin/env python3
import json, pathlib, sys
name, speed = "$1", $2
if sys.argv[1] == "--version":
    print("lathe 1\ncommit abc123"); sys.exit()
calls = pathlib.Path("$work/calls")
n = len(calls.read_text().split()) if calls.exists() else 0
with calls.open("a") as out: out.write(pathlib.Path(name).parent.name + "\n")
if "nonsense" in sys.argv: print("no such preset", file=sys.stderr); sys.exit(1)
f = speed * 0.9 ** n
print("some text")
if sys.argv[2] == "gemm": print(json.dumps({"gemm_gflops": f, "stream_gb_per_s": 50.0, "cpu_model": "Abacus", "isa": "avx2", "threads": 3}))
elif sys.argv[2] == "infer": print(json.dumps({"decode_tok_per_s": f, "prefill_tok_per_s": 10 * f, "gemm_gflops": 1.0, "peak_rss_mb": 1.0}))
else: print(json.dumps({"tok_per_s": f, "step_ms_p50": 1000 / f, "first_step_ms": 2000 / f, "mfu": 0.5, "gemm_gflops": 1.0, "peak_rss_mb": 2000.0}))
END
  chmod +x "$1"
}
mkdir "$work/a" "$work/b"
lathe_like "$work/a/lathe" 100
lathe_like "$work/b/lathe" 150

# compare: the order turns, so the drift that slows the second of each pair cancels out in the median.
"$source_dir/bench/compare" "$work/a" "$work/b/lathe" --pairs 8 --json >"$work/out"
[ "$(tr '\n' ' ' <"$work/calls")" = "a b b a a b b a a b b a a b b a " ] || fail "order of runs: $(cat "$work/calls")"
python3 - "$work/out" <<'END'
import json, sys
out = json.load(open(sys.argv[1]))
(f,) = out["figures"]
assert f["figure"] == "tok_per_s" and len(f["a"]) == len(f["b"]) == 8, f
assert 1.48 < f["ratio"] < 1.53 and f["low"] > 1.3 and f["high"] < 1.7 and f["low"] < f["ratio"] < f["high"], f
assert f["verdict"] == "B is higher", f
END
rm "$work/calls"
text=$("$source_dir/bench/compare" "$work/a" "$work/a" --pairs 8 -- infer --streams 8 2>/dev/null)
grep -q "decode_tok_per_s: .*(0.900 to 1.111, 8 pairs): no difference shown" <<<"$text" || fail "same build: $text"
grep -q "^prefill_tok_per_s" <<<"$text" || fail "prefill not compared: $text"
rm "$work/calls"
if "$source_dir/bench/compare" "$work/a" "$work/b" -- train --preset nonsense >/dev/null 2>"$work/err"; then fail "a failed benchmark was compared"; fi
grep -q "no such preset" "$work/err" || fail "message lost: $(cat "$work/err")"
if "$source_dir/bench/compare" "$work/a" "$work" 2>"$work/err"; then fail "a folder without lathe was taken"; fi
if "$source_dir/bench/compare" "$work/a" "$work/b" --pairs 2 --figure mfuu 2>"$work/err"; then fail "an unknown figure was compared"; fi
grep -q "mfuu; the benchmark gives tok_per_s" "$work/err" || fail "unknown figure: $(cat "$work/err")"

# baseline: an entry for each kind of machine; a second writing replaces its own entry and keeps the others.
mkdir -p "$work/tree/bench"
cp "$source_dir/bench/baseline" "$work/tree/bench/"
echo '{"schema": 1, "machines": [{"cpu_model": "Other", "isa": "avx2", "threads": 3, "figures": {}}]}' >"$work/tree/bench/baseline.json"
rm -f "$work/calls"
"$work/tree/bench/baseline" --lathe "$work/a/lathe" --rounds 2 --only gemm 2>"$work/err" || fail "baseline: $(cat "$work/err")"
"$work/tree/bench/baseline" --lathe "$work/a/lathe" --rounds 1 --only "train chat-d6" 2>"$work/err" || fail "baseline: $(cat "$work/err")"
python3 - "$work/tree/bench/baseline.json" <<'END'
import json, sys
machines = {m["cpu_model"]: m for m in json.load(open(sys.argv[1]))["machines"]}
assert set(machines) == {"Abacus", "Other"}, machines
figures = machines["Abacus"]["figures"]
assert machines["Abacus"]["commit"] == "abc123" and machines["Abacus"]["threads"] == 3
assert figures["gemm bf16"] == {"gemm_gflops": 100.0, "stream_gb_per_s": 50.0}, figures  # the best of the rounds
assert set(figures) == {"gemm bf16", "gemm fp32", "train chat-d6 bf16", "train chat-d6 fp32"}, figures
END

# peers: a table from whatever is there; a program that fails leaves a dash and does not end the run.
mkdir -p "$work/peers/bin"
cat >"$work/peers/bin/python" <<'END'
#!/usr/bin/env python3
import json, sys
if "--compile" in sys.argv: print("no compiler", file=sys.stderr); sys.exit(1)
print(json.dumps({"program": "PyTorch 9", "tok_per_s": 20.0, "first_step_ms": 3000.0, "peak_rss_mb": 4000.0} if "train" in sys.argv[1]
                 else {"program": "llama.cpp 9", "decode_tok_per_s": 25.0, "prefill_tok_per_s": 500.0}))
END
chmod +x "$work/peers/bin/python"
touch "$work/peers/llama-124m-F16.gguf"
sed -i 's/0.9 \*\* n/1/' "$work/a/lathe"
table=$("$source_dir/bench/peers/run" --peers "$work/peers" --lathe "$work/a/lathe" --rounds 2 --only "bf16" --json "$work/all.json" 2>"$work/err")
grep -qF '| llama-small bf16 | 100 (0.0 s, 2.0 GB) | 20 (3.0 s, 4.0 GB) | - | 5.00 (5.00 to 5.00) |' <<<"$table" || fail "table: $table"
grep -qF '| bf16 beside F16, 512-token prompt | 1000 | 500 | 2.00 (2.00 to 2.00) |' <<<"$table" || fail "table: $table"
grep -qF '| bf16 beside F16, 8 streams | 100 | 25 | 4.00 (4.00 to 4.00) |' <<<"$table" || fail "table: $table"
grep -qF 'beside PyTorch 9, llama.cpp 9.' <<<"$table" || fail "versions: $table"
[ "$(grep -c 'no compiler' "$work/err")" = 2 ] || fail "a failure is told once for each row: $(cat "$work/err")"
python3 -c "import json, sys; assert len(json.load(open(sys.argv[1]))) == 4" "$work/all.json"

# Everything that is fetched is pinned by version and SHA-256.
awk '!/^(#|$)/ && (NF != 2 || $1 !~ /^[a-z0-9-]+==[0-9.]+(post[0-9]+)?$/ || $2 !~ /^--hash=sha256:[0-9a-f]+$/ || length($2) != 78) {print "bad pin: " $0; bad = 1} END {exit bad}' \
  "$source_dir/bench/peers/pins.txt" || fail "pins.txt"

# L-13.9, L-13.10: effects prints what each technique brings beside what is claimed for it, and when it is the advice.
cat >"$work/effects" <<'END'
#!/usr/bin/env bash
case "$*" in
  *attention\ --seq*) echo '{"heads": 6, "arena_bytes_per_token": 1000.0}' ;;
  *"--dtype fp32"*) echo '{"tok_per_s": 500.0, "peak_rss_mb": 2000.0, "arena_mb": 800.0}' ;;
  *"--recompute attention"*) echo '{"tok_per_s": 950.0, "peak_rss_mb": 1400.0, "arena_mb": 300.0}' ;;
  *"--recompute block"*) echo '{"tok_per_s": 900.0, "peak_rss_mb": 1200.0, "arena_mb": 100.0}' ;;
  *"train --preset tiny --steps 2 --json --dtype bf16") echo '{"tok_per_s": 1000.0, "peak_rss_mb": 1500.0, "arena_mb": 400.0}' ;;
  *) exit 1 ;;
esac
END
chmod +x "$work/effects"
text=$("$source_dir/bench/effects" --lathe "$work/effects" --preset tiny --steps 2) || fail "effects failed"
grep -qE '^bf16 instead of fp32 +-50 % +-25 % +-50 % +\+20 % +\+100 %$' <<<"$text" || fail "effects, bf16: $text"
grep -qE '^--recompute block \(checkpointing\) +-40 % +-20 % +-75 % +-10 % +-10 %$' <<<"$text" || fail "effects, block: $text"
grep -qE '^--recompute attention +- +-7 % +-25 % +- +-5 %$' <<<"$text" || fail "effects, attention: $text"
grep -qE '^tiled attention, T 2048 \(counted\) +-50 % +- +-98 % ' <<<"$text" || fail "effects, tiled attention: $text"
grep -q '^Advice: bf16 and tiled attention always' <<<"$text" || fail "effects, advice: $text"
