#!/usr/bin/env bash
# The completion scripts are valid in their shells, and bash completes verbs and flags with them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for shell in bash zsh fish; do
  "$LATHE" completions $shell >"$work/$shell"
  if command -v $shell >/dev/null; then $shell -n "$work/$shell"; fi
done

# complete WORD...: what bash offers for the last word.
# shellcheck source=/dev/null
source "$work/bash"
complete_words() {
  COMP_WORDS=(lathe "$@")
  COMP_CWORD=$#
  _lathe
  echo "${COMPREPLY[*]:-}"
}
expect() {
  [ "$1" = "$2" ] || { echo "expected \"$2\", got \"$1\""; exit 1; }
}
expect "$(complete_words doc)" doctor
expect "$(complete_words doctor --thr)" --threads
expect "$(complete_words --vers)" --version
grep -q "complete -c lathe -n '__fish_seen_subcommand_from doctor' -l threads" "$work/fish"
grep -Eq '"doctor"\) flags="(--[a-z-]+ )*--config( |")' "$work/zsh"

status=0
"$LATHE" completions tcsh 2>"$work/error" || status=$?
expect "$status" 1
