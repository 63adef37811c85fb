#!/usr/bin/env bash
# A checkpoint in the chat origin's form, written by PyTorch, says what the model it was made from says. C-6.1, C-6.8
# Needs Python with torch (LATHE_PYTHON); skipped without.
set -euo pipefail
python=${LATHE_PYTHON:-python3}
"$python" -c 'import torch' 2>/dev/null || { echo "no torch for $python"; exit 77; }
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive
fail() { echo "FAILED: $*"; exit 1; }
quiet() { "$@" >>log 2>&1 || { tail -n 5 log; fail "$*"; }; }

quiet "$lathe" synth --size-mb 1 --conversations 20 --eval-cases 4 --pairs 0
quiet "$lathe" tokenizer train --vocab-size 600
for architecture in chat chat_newest; do
  quiet "$lathe" train --architecture $architecture --depth 2 --aspect-ratio 32 --head-dim 16 --max-seq-len 64 --device-batch-size 4 \
    --total-batch-size 1024 --num-iterations 30 --window-pattern SL --eval-every -1 --sample-every -1 --save-every -1 --threads 1 --tag $architecture
  mkdir -p origin/base_checkpoints/$architecture
  cp -r base/tokenizer origin/
  "$python" - base/base_checkpoints/$architecture/step_30 origin/base_checkpoints/$architecture <<'P' || fail "torch.save"
import collections, json, struct, sys
import torch

source, target = sys.argv[1:]
data = open(source + "/model.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8 : 8 + size])
state = collections.OrderedDict()
for name, entry in header.items():
    if name == "__metadata__":
        continue
    begin, end = entry["data_offsets"]
    tensor = torch.frombuffer(bytearray(data[8 + size + begin : 8 + size + end]), dtype=torch.float32).reshape(entry["shape"])
    state["_orig_mod." + name] = tensor.t().contiguous().t() if "c_fc" in name else tensor
torch.save(state, target + "/model_000030.pt")
torch.save(state, target + "/model_000004.pt")
config = json.load(open(source + "/meta.json"))["model_config"]
keys = ("sequence_len", "vocab_size", "n_layer", "n_head", "n_kv_head", "n_embd", "window_pattern")
json.dump({"step": 30, "val_bpb": 1.5, "model_config": {key: config[key] for key in keys}}, open(target + "/meta_000030.json", "w"))
P
  quiet "$lathe" import origin/base_checkpoints/$architecture --tag back_$architecture
  say() { "$lathe" generate --tag "$1" --prompt "Once upon a time" --max-tokens 48 --temperature 0 --dtype fp32 --threads 1 2>>log; }
  say $architecture >said
  say back_$architecture >said.back
  [ -s said ] || fail "$architecture says nothing"
  cmp said said.back || fail "$architecture says something else"
done
