#!/usr/bin/env bash
# How many threads a run takes: the processors it may use, also where OpenMP is told to pin its threads (the first of which
# then sees one processor alone), and fewer where the process is held to fewer.
set -euo pipefail
lathe=${LATHE:?}
fail() { echo "$1"; exit 1; }
threads() { { "$@" doctor || true; } | sed -n 's/.* \([0-9]*\) threads\{0,1\} in use.*/\1/p'; }

unset OMP_NUM_THREADS OMP_PROC_BIND
all=$(threads "$lathe")  # less than nproc in a container whose processor time is limited
[ "$all" -ge 1 ] && [ "$all" -le "$(nproc)" ] || fail "$all threads on $(nproc) processors"
[ "$(threads env OMP_PROC_BIND=true "$lathe")" = "$all" ] || fail "pinned: $(threads env OMP_PROC_BIND=true "$lathe") threads instead of $all"
one=$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')  # the first that this shell may use
[ "$(threads taskset -c "$one" "$lathe")" = 1 ] || fail "held to one processor: $(threads taskset -c "$one" "$lathe") threads"
