#!/usr/bin/env bash
# The commands of docs/evaluation.md and docs/models.md: blocks marked "sh" run as they stand, one after another; of every other
# documented command the flags must exist.
# L-15.9
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$lathe" "$work/bin/lathe"
export PATH="$work/bin:$PATH" HOME="$work" OMP_WAIT_POLICY=passive
unset LATHE_BASE_DIR
fail() { echo "FAILED: $*"; exit 1; }

flags_known=0
for page in evaluation models; do
  text=${LATHE_SOURCE:?}/docs/$page.md
  mkdir "$work/$page"
  cd "$work/$page"
  awk '/^```sh$/ {on = 1; next} /^```/ {on = 0} on' "$text" >../$page.commands
  [ "$(grep -cE '^(! )?lathe ' ../$page.commands)" -ge 12 ] || fail "docs/$page.md lost its commands"
  # "! command" does not end a script with -e; here it must.
  sed -E '1i set -e
s/^! (.*)$/if \1; then echo "went well and should not: \1"; exit 1; fi/' ../$page.commands >../$page.script
  if ! bash ../$page.script >../$page.out 2>../$page.err </dev/null; then
    tail -n 15 ../$page.out ../$page.err
    fail "a command of docs/$page.md"
  fi

  # Commands that need a download, a larger model or hours: settings are resolved and printed, nothing runs.
  awk '/^```/ {if (on) on = 0; else on = ($0 == "```") ? 1 : 2; next} on == 2 {next}
    {sub(/^    /, "")} /^lathe / {if (sub(/ *\\$/, "")) {printf "%s", $0; more = 1} else print; next} more {more = sub(/ *\\$/, ""); if (more) printf "%s", $0; else print}' "$text" |
    sed -E 's/ +#.*//; s/ \[[^]]*\]//g' >../$page.others
  while IFS= read -r command; do
    bash -c "$command --print-config" >../print.out 2>../print.err </dev/null || fail "docs/$page.md: $command: $(tail -n 1 ../print.err)"
    flags_known=$((flags_known + 1))
  done <../$page.others
done
[ "$flags_known" -ge 15 ] || fail "only $flags_known other commands found"

cd "$work"
for file in evaluation/base/{report/report.html,compare/compare.html,model_cards/small-sft.md,eval_results/small/base/core_capitals.jsonl} \
  evaluation/base/{scaling_laws_results_try,try_miniseries_results}/scaling.html models/small_hf/model.safetensors \
  models/small_q4.gguf models/base/base_checkpoints/from_gguf/step_0/model.safetensors; do
  [ -s "$file" ] || fail "no $file"
done
for page in evaluation models; do grep -q ' 0 changed, 0 missing' $page.out || fail "docs/$page.md: the chain of hashes is not whole"; done
grep -q 'trained here' models.err || fail "the refused import does not say why"
