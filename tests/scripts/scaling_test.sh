#!/usr/bin/env bash
# A grid of tiny runs on the built-in corpus: killed with -9 in the middle and started again, its table is that of an undisturbed
# one; rows that are there are not run again. A miniseries. With LATHE_LONG=1 a grid large enough for the fits.
# C-14.4, C-14.5, C-14.6
# C-14.7, C-14.12, C-1.36
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"

"$lathe" synth --size-mb 2 --conversations 50 --eval-cases 5 >synth.log 2>&1 || fail "no corpus"
flags=(--tokenizer "$work/bytes.tiktoken" --aspect-ratio 16 --head-dim 16 --max-seq-len 32 --window-pattern L --device-batch-size 4
  --total-batch-size 256 --eval-tokens 1024 --log-every 5 --save-every 10 --threads 1)
grid=(--flops-budgets 3e9 1.5e10 --depths 2 3 4)
grid() {  # LABEL [flag...]
  local label=$1
  shift
  "$lathe" scaling --label "$label" "${grid[@]}" "${flags[@]}" "$@" >>"$label.out" 2>>"$label.err"
}
# All columns but the time.
table() { sed 's/,[^,]*$//' "$1"; }

grid whole || { tail -5 whole.err; fail "the undisturbed grid"; }
whole=$LATHE_BASE_DIR/scaling_laws_results_whole
[ "$(head -n 1 "$whole/results.csv")" = "flops_budget,depth,model_dim,params_wte,params_bigram_embed,params_value_embeds,params_lm_head,params_transformer,params_scalars,params_total,num_iterations,tokens_trained,val_bpb,core_score,train_time_sec" ] || fail "the header"
[ "$(wc -l <"$whole/results.csv")" = 7 ] || fail "rows"
[ "$(grep -c '^flops_budget' "$whole/results.csv")" = 1 ] || fail "a second header"
cut -d, -f1,2,3,5,14 "$whole/results.csv" | sed -n 2,7p | tr '\n' ' ' | grep -qx "3e9,2,32,,0.0 3e9,3,48,,0.0 3e9,4,64,,0.0 1.5e10,2,32,,0.0 1.5e10,3,48,,0.0 1.5e10,4,64,,0.0 " || fail "the first columns"
while IFS=, read -r _ _ _ _ _ _ _ _ _ _ steps tokens bpb _; do
  [ "$tokens" = $((steps * 256)) ] || fail "$tokens tokens in $steps steps of 256"
  [ -n "$bpb" ] || fail "no validation"
done < <(tail -n +2 "$whole/results.csv")
has whole.err 'has no CORE score' 'CORE is not run'
has whole.out '^flops_budget +depth +model_dim' '^1.5e10 +4 +64 ' 'Approach 2, IsoFLOP'
for file in scaling.html scaling.json results.json isoflop.svg scaling_3e9_d2_train.log scaling_3e9_d2.json; do
  [ -s "$whole/$file" ] || fail "$file is missing"
done
grep -q '"val_bpb": [0-9]' "$whole/results.json" || fail "results.json"
grep -q '"core_score": null' "$whole/results.json" || fail "what was not measured is a number"
grep -q '"run": "scaling_whole_scaling_3e9_d2"' "$whole/scaling_3e9_d2_config.json" || fail "the run's name"

grep -qE '"target_flops": (3000000000|3e\+?0?9)' "$whole/scaling_3e9_d2_config.json" || fail "the budget"
for line in '"target_param_data_ratio": -1' '"sample_every": -1' '"core_metric_max_per_task": -1'; do grep -qF "$line" "$whole/scaling_3e9_d2_config.json" || fail "$line"; done
# Without flags it is the origin's grid.
"$lathe" scaling --print-config | tr -d ' \n' >defaults.json
for part in '"flops_budgets":["1e18","2.15e18","4.64e18","1e19"]' '"depths":[8,10,12,14,16,18,20]' '"eval_tokens":52428800' '"save_every":-1' '"device_batch_size":32'; do
  grep -qF "$part" defaults.json || fail "default $part"
done
"$lathe" scaling miniseries --print-config | tr -d ' \n' >defaults.json
for part in '"depths":[12,14,16,18,20,22,24,26]' '"target_param_data_ratio":10.5' '"sample_every":-1' '"save_every":-1'; do grep -qF "$part" defaults.json || fail "default $part"; done

# Started again, it trains nothing.
cp "$whole/results.csv" before.csv
grid whole
cmp before.csv "$whole/results.csv" || fail "the table changed"
[ "$(grep -c '^Skipping scaling_' whole.out)" = 6 ] || fail "rows that were there were run"
# Other settings would not be comparable.
if grid whole --matrix-lr 0.5; then fail "other settings in one table"; fi
has whole.err 'begun with matrix_lr unset, now it is 0.5'
# Checkpoints of another experiment under the same tags are not taken over.
if grid other; then fail "checkpoints of another experiment were taken"; fi
has other.err 'holds checkpoints of another experiment'

# Bad input is named before anything is trained or written.
for bad in '--label ../x' '--flops-budgets nan' '--flops-budgets 1e18x' '--flops-budgets -3' '--depths 0' '--eval-every -1' '--tag x' '--depth 3' '--tokenizer nowhere'; do
  # shellcheck disable=SC2086
  if "$lathe" scaling --label bad "${flags[@]}" $bad >bad.out 2>bad.err; then fail "$bad was taken"; fi
  flag=${bad%% *}
  name=${flag#--}
  grep -qE -- "${name//-/_}|$flag|nowhere" bad.err || { cat bad.err; fail "$bad: the error does not name it"; }
done
if grep -q Training bad.out; then fail "bad input was trained with"; fi
printf '{"torn' >"$whole/settings.json"
if grid whole; then fail "torn settings"; fi
has whole.err 'settings.json'
rm "$whole/settings.json"
printf '1e10,2,32\n' >>"$whole/results.csv"
if grid whole; then fail "a torn table"; fi
has whole.err 'results.csv.*line 8 has 3 cells'
cp before.csv "$whole/results.csv"

mv "$LATHE_BASE_DIR/base_checkpoints" kept
for sign in "$LATHE_BASE_DIR/scaling_laws_results_torn/scaling_3e9_d3_train.log" "$LATHE_BASE_DIR/base_checkpoints/scaling_1.5e10_d3/step_30"; do
  caught=
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    "$lathe" scaling --label torn "${grid[@]}" "${flags[@]}" >>torn.out 2>>torn.err &
    pid=$!
    until [ -e "$sign" ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    # Stopped it holds its folder, and is not over before the other has tried.
    kill -STOP "$pid" 2>/dev/null || true
    until grep -qs '^State:[[:space:]]*[TZX]' "/proc/$pid/status" || [ ! -e "/proc/$pid" ]; do sleep 0.02; done
    if grep -qs '^State:[[:space:]]*T' "/proc/$pid/status" && [ "$(grep -c . "$LATHE_BASE_DIR/scaling_laws_results_torn/results.csv")" -lt 7 ]; then caught=1; break; fi
    # It was faster: from the start again.
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    [ -e "$sign" ] || { tail -5 torn.err; fail "the grid was over without $sign"; }
    rm -rf "$LATHE_BASE_DIR/scaling_laws_results_torn" "$LATHE_BASE_DIR/base_checkpoints"
  done
  [ -n "$caught" ] || fail "every grid was over before it was killed"
  if "$lathe" scaling --label torn "${grid[@]}" "${flags[@]}" >second.out 2>second.err; then fail "two grids in one folder"; fi
  kill -9 "$pid" || fail "the grid was over before it was killed"
  wait "$pid" 2>/dev/null || true
done
grid torn || { tail -5 torn.err; fail "the grid did not go on"; }
torn=$LATHE_BASE_DIR/scaling_laws_results_torn
[ "$(table "$whole/results.csv")" = "$(table "$torn/results.csv")" ] || { diff "$whole/results.csv" "$torn/results.csv" || true; fail "the killed grid has another table"; }
has "$torn/scaling_1.5e10_d3_train.log" 'step_[1-9]0'
has second.err 'scaling_laws_results_torn.*another'

# With the evaluation bundle CORE stands in the table.
bundle=$LATHE_BASE_DIR/eval_bundle
mkdir -p "$bundle/eval_data"
printf 'icl_tasks:\n-\n  label: next\n  dataset_uri: next.jsonl\n  num_fewshot: [0]\n  icl_task_type: language_modeling\n' >"$bundle/core.yaml"
printf 'Eval Task,Random baseline\nnext,0\n' >"$bundle/eval_meta_data.csv"
for i in 1 2 3 4 5; do echo "{\"context\": \"after $i\", \"continuation\": \" then\"}"; done >"$bundle/eval_data/next.jsonl"

# A miniseries: the series' own columns, the batch by depth unless given, the name of the day unless given.
series=(--depths 2 3 --num-workers 0 --target-param-data-ratio 0.5 "${flags[@]}")
"$lathe" scaling miniseries tiny "${series[@]}" >series.out 2>series.err || { tail -5 series.err; fail "the miniseries"; }
tiny=$LATHE_BASE_DIR/tiny_miniseries_results
[ "$(head -n 1 "$tiny/results.csv")" = "depth,model_dim,num_params,num_scaling_params,num_iterations,tokens_trained,param_data_ratio,val_bpb,core_score,train_time_sec" ] || fail "the header of the series"
[ "$(wc -l <"$tiny/results.csv")" = 3 ] || fail "rows of the series"
tail -n +2 "$tiny/results.csv" | cut -d, -f9 | grep -qx '[01]\.[0-9]\{6\}' || fail "no CORE score: $(cat "$tiny/results.csv")"
[ -s "$tiny/core.svg" ] || fail "no picture of CORE"
[ -s "$tiny/tiny_miniseries_d3_train.log" ] || fail "the series' log"
grep -q '"run": "tiny_miniseries_tiny_miniseries_d3"' "$tiny/tiny_miniseries_d3_config.json" || fail "the series' run name"
# The batch falls with the depth: 32, 16 from 20 on, 8 from 28 on (not run to the end: such models do not fit here).
wide=(--depths 19 20 28 --tokenizer "$work/bytes.tiktoken" --aspect-ratio 1000 --max-seq-len 2048)
if "$lathe" scaling miniseries wide "${wide[@]}" >wide.out 2>wide.err; then fail "models of a petabyte were trained"; fi
has wide.err 'wide_miniseries_d19 failed' 'wide_miniseries_d28 failed'
for pair in 19:32 20:16 28:8; do
  grep -q "\"device_batch_size\": ${pair#*:},\?$" "$LATHE_BASE_DIR/wide_miniseries_results/wide_miniseries_d${pair%:*}_config.json" || fail "batch at depth ${pair%:*}"
done
[ -s "$tiny/scaling.html" ] && [ -s "$tiny/loss.svg" ] || fail "the series' page"

[ -n "${LATHE_LONG:-}" ] || exit 0
# Runs long enough to learn: more compute is better at every depth, and all three approaches find a law.
rm -rf "$LATHE_BASE_DIR/base_checkpoints"
"$lathe" scaling --label long --flops-budgets 1e11 3e11 1e12 --depths 2 3 4 5 --tokenizer "$work/bytes.tiktoken" --aspect-ratio 16 --head-dim 16 --max-seq-len 64 \
  --window-pattern L --device-batch-size 16 --total-batch-size 1024 --eval-tokens 32768 --log-every 2 --matrix-lr 0.3 --embedding-lr 4 --unembedding-lr 0.064 \
  --scalar-lr 0.3 --weight-decay 0.02 >long.out 2>long.err || { tail -5 long.err; fail "the long grid"; }
long=$LATHE_BASE_DIR/scaling_laws_results_long
tail -n +2 "$long/results.csv" | awk -F, '{ if ($2 in last && $13 >= last[$2]) { print "depth " $2 " at " $1; worse = 1 } last[$2] = $13 } END { exit worse }' ||
  fail "more compute gave a higher loss"
[ "$(wc -l <"$long/results.csv")" = 13 ] || fail "rows of the long grid"
has long.out 'Approach 1, .*N_opt' 'Approach 2, .*N_opt = .* C\^0\.[2-6]' 'Approach 3, .*N_opt = .* C\^0\.[1-6]' 'E = .* alpha = ' 'largest difference to a run'
grep -q '"surface": {' "$long/scaling.json" || fail "no surface"
