# Shared by the run scripts: their variables, --dry-run, setting up, ranks. A script sets its usage comment first.
#
# WANDB_RUN        name of the run in the metrics; "dummy" when unset
# NPROC_PER_NODE   ranks of a training or evaluating command; 8 when unset, on a machine with fewer cores as many as it has. A verb that
#                  cannot be shared runs as one process on all cores, and the script says so
# SKIP_SETUP       not empty: no installing, no building
# LATHE_BASE_DIR   folder of everything; ~/.cache/lathe when unset
# LATHE            the program; build/release/lathe of this checkout when unset

WANDB_RUN=${WANDB_RUN:-dummy}
cores=$(nproc)
NPROC_PER_NODE=${NPROC_PER_NODE:-$((cores < 8 ? cores : 8))}
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${LATHE:-$checkout/build/release/lathe}
dry_run=0
operands=()

# read_flags "$@": --dry-run, --help; other words go to `operands`, at most $most_operands.
read_flags() {
  local word
  for word in "$@"; do
    case $word in
      --dry-run) dry_run=1 ;;
      -h | --help) awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0"; exit 0 ;;
      -*) echo "$(basename "$0"): unknown flag \"$word\"; see --help" >&2; exit 2 ;;
      *) operands+=("$word") ;;
    esac
  done
  if [ "${#operands[@]}" -gt "${most_operands:-0}" ]; then
    echo "$(basename "$0"): unexpected word \"${operands[-1]}\"; see --help" >&2
    exit 2
  fi
}

# Runs a command line, or prints it.
run() {
  if [ "$dry_run" = 1 ]; then
    echo "$*"
  else
    echo "+ $*"
    "$@"
  fi
}

# lathe WORD...
lathe() {
  if [ "$dry_run" = 1 ]; then run lathe "$@"; else run "$program" "$@"; fi
}

# The same by NPROC_PER_NODE ranks of one thread each, where the verb can be shared.
ranks() {
  if [ "$NPROC_PER_NODE" -le 1 ]; then
    lathe "$@"
  elif OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=$NPROC_PER_NODE RANK=0 WORLD_SIZE=$NPROC_PER_NODE "$program" "$@" --print-config >/dev/null 2>&1; then
    if [ "$dry_run" = 1 ]; then
      run OMP_NUM_THREADS=1 mpirun -n "$NPROC_PER_NODE" lathe "$@"
    else
      if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
      OMP_NUM_THREADS=1 run mpirun -n "$NPROC_PER_NODE" "$program" "$@"
    fi
  else
    echo "# $1 runs as one process on all cores; NPROC_PER_NODE=$NPROC_PER_NODE is not used for it" >&2
    lathe "$@"
  fi
}

# Installs what is missing and builds.
setup() {
  if [ -n "${SKIP_SETUP:-}" ] || [ "$dry_run" = 1 ] || [ -n "${LATHE:-}" ]; then return; fi
  (
    cd "$checkout"
    tools/deps --install
    cmake --preset release >/dev/null
    cmake --build --preset release -j "$(nproc)" --target lathe
  )
}

# The first shards, then many more in the background while the tokenizer trains: download_shards FIRST ALL; wait_for_shards
shards_job=
download_shards() {
  lathe dataset -n "$1"
  if [ "$dry_run" = 1 ]; then
    echo "lathe dataset -n $2 &"
  else
    "$program" dataset -n "$2" &
    shards_job=$!
    trap '[ -z "$shards_job" ] || kill "$shards_job" 2>/dev/null || true' EXIT
  fi
}
wait_for_shards() {
  if [ "$dry_run" = 1 ]; then
    echo "wait"
    return
  fi
  echo "Waiting for the shards"
  wait "$shards_job" || { echo "not all shards came; the same command goes on where it stopped" >&2; exit 1; }
  shards_job=
}
