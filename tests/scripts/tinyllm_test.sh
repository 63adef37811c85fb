#!/usr/bin/env bash
# The small trainer as a user runs it: flags, settings files, tokenizers, going on after a stop.
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"

awk 'BEGIN { srand(3); for (i = 0; i < 700; i++) { s = ""; for (j = 0; j < 9; j++) s = s sprintf("%c%c ", 97 + int(rand() * 8), 97 + int(rand() * 8)); print s } }' >book.txt
flags=(--data_path book.txt --n_layer 2 --n_head 2 --n-embd 16 --block_size 16 --batch_size 4 --eval_iters 2 --sample_interval 0
  --sample-chars 8 --threads 1 --log_interval 1 --lr_warmup_steps 2 --max_steps 12 --eval-interval 6)
# tiny FOLDER [flag...]: trains; what it prints goes to FOLDER.out and FOLDER.err
tiny() {
  local folder=$1
  shift
  "$lathe" train_tinyllm "${flags[@]}" --out_dir "$folder" "$@" >"$folder.out" 2>"$folder.err"
}
# refuses FOLDER PATTERN [flag...]: ends with status 1 and says so
refuses() {
  local folder=$1 pattern=$2 status=0
  shift 2
  tiny "$folder" "$@" || status=$?
  [ "$status" = 1 ] || fail "status $status, not 1: $*"
  has "$folder.err" "$pattern"
}
same_model() { cmp "$1/model.safetensors" "$2/model.safetensors" || fail "$1 and $2 differ"; }
losses() { grep -o '"train/loss": [^,]*' "$1/metrics.jsonl"; }

# L-11.1, L-11.2, L-11.9; and L-11.5
# Defaults < file < flags, even for a flag that repeats the default; the keys are the names of the flags. Without --config
# the usual file is read where it stands; one that was named has to stand.
"$lathe" train_tinyllm --print-config >settings.json 2>settings.err
has settings.json '"max_steps": 2000,' '"batch_size": 64,' '"grad_accum_steps": 1,' '"block_size": 128,' '"tokenizer": "char",' '"bpe_vocab_size": 2000,' \
  '"bpe_min_frequency": 2,' '"dataloader_workers": 0,' '"eval_interval": 200,' '"eval_iters": 50,' '"sample_chars": 400,' '"prompt": "",' '"seed": 1337,' \
  '"data_path": "data/tiny_corpus.txt",' '"out_dir": "out/tiny_char_gpt",' '"resume": false,' '"config": "",' \
  '"dataloader_prefetch_factor": 2,' '"dataloader_persistent_workers": true,' '"memmap_dataset": false,' '"curriculum": false,' \
  '"curriculum_start_block_size": 32,' '"curriculum_steps": 2000,' '"log_interval": 50,' '"sample_interval": 200,'
[ ! -s settings.err ] || fail "a word about the settings file that is not there"
mkdir config
echo '{"_why": "a test", "max_steps": 77, "batch_size": 9, "weight_tying": true, "amp": false, "dropout": 1e-1}' >config/tiny_char_gpt.json
"$lathe" train_tinyllm --print-config --batch-size 64 --no-weight_tying --eval_iters=3 >settings.json
has settings.json '"max_steps": 77,' '"batch_size": 64,' '"weight_tying": false,' '"amp": false,' '"eval_iters": 3,' '"config": "config/tiny_char_gpt.json",'
echo '{"max_steps": 5}' >other.json
"$lathe" train_tinyllm --print-config --config other.json >settings.json
has settings.json '"max_steps": 5,' '"batch_size": 64,'
echo '{"max_stps": 5}' >config/tiny_char_gpt.json
refuses typo 'config/tiny_char_gpt.json: key "max_stps".*did you mean "max_steps"'
rm -r config
refuses absent 'config/absent.json: no such file' --config config/absent.json
# The shipped file of that name says what the program does without it.
"$lathe" train_tinyllm --print-config | grep -v '"config"' >without.json
"$lathe" train_tinyllm --print-config --config "$LATHE_SOURCE/configs/lab/tiny_char_gpt.json" | grep -v '"config"' >with.json
cmp without.json with.json || fail "configs/lab/tiny_char_gpt.json departs from the defaults"

# L-11.10, L-11.25, L-11.6
# Text: missing, empty, too short, no UTF-8.
refuses nothing 'none.txt: no such file.*lathe synth --size-mb' --data_path none.txt
: >empty.txt
printf 'ab' >short.txt
printf 'abc\xff%0300d' 7 >bytes.txt
refuses nothing 'the training text is empty' --data_path empty.txt
refuses nothing 'data_path: the training part has 2 tokens, a window needs block_size . 1 = 17' --data_path short.txt
refuses nothing 'bytes.txt.*not valid UTF-8.*byte 3' --data_path bytes.txt
# Values out of range are refused before anything is read.
for pair in grad_clip=-1 learning_rate=-1 adam_beta1=1 top_p=-1 temperature=-1 rope_base=0 lr_min=-1 mlp_hidden=-3; do
  refuses nothing "${pair%=*}: must be" "--$pair" --data_path none.txt
done

# L-11.26, L-11.27, L-11.28; and L-11.7, L-11.17
# One run without a stop; workers, the map on disk and the place of the tokens change no bit of it.
tiny whole
has whole/config.json '"max_steps": 12,' '"n_embd": 16,'
has whole/step_12/meta.json '"max_steps": 12,' '"n_embd": 16,'
has whole/manifest.json '"kind": "tinyllm"' '"path": "tokenizer.json"'
[ "$(grep -c '^Step 000[0-9]* | train loss [0-9.]* | validation loss [0-9.]*, perplexity [0-9.]*$' whole.out)" = 3 ] || fail "evaluations at 0, 6 and 12"
[ -d whole/step_6 ] || fail "no checkpoint at the evaluation"
tiny mapped --memmap_dataset --dataloader_workers 4 --no-dataloader_persistent_workers
tiny worker --dataloader-workers 1 --dataloader_prefetch_factor 3 --save_interval 5
for run in mapped worker; do
  same_model whole/step_12 $run/step_12
  [ "$(losses whole)" = "$(losses $run)" ] || fail "$run: other losses"
done
[ "$(cd worker && printf '%s\n' step_* | sort -V | tr '\n' ' ')" = "step_5 step_6 step_10 step_12 " ] || fail "saves: every 5, at the evaluations, at the end"
# L-11.105: the seed decides; 1337 is the one nobody gave.
tiny seeded --seed 1337 --eval_interval 0
tiny another --seed 1338 --eval_interval 0
same_model whole/step_12 seeded/step_12
if cmp -s {whole,another}/step_12/model.safetensors; then fail "another seed, the same model"; fi
# L-11.14
# Cut off after step 6 and gone on with, the shape left to the record: the same bits.
on=(--data_path book.txt --resume --max_steps 12 --batch_size 4 --eval_interval 6 --eval_iters 2 --sample_interval 0 --threads 1 --log_interval 1
  --lr_warmup_steps 2)
for run in mapped worker; do
  memmap=()
  if [ $run = mapped ]; then memmap=(--memmap_dataset); fi
  rm -r $run/step_12 $run/step_10 2>/dev/null || true
  "$lathe" train_tinyllm "${on[@]}" "${memmap[@]}" --out_dir $run >$run.out 2>$run.err || { cat $run.err; fail "$run does not go on"; }
  same_model whole/step_12 $run/step_12
  [ "$(losses whole)" = "$(losses $run)" ] || fail "$run: other losses after going on"
done
# The same for a run that was killed; while it lives no other writes its folder.
long=(--lr_schedule constant --eval_interval 0 --save_interval 200 --log_interval 50)
"$lathe" train_tinyllm "${flags[@]}" "${long[@]}" --max_steps 1000000 --out_dir killed >killed.out 2>killed.err &
pid=$!
until [ -d killed/step_200 ]; do kill -0 $pid || fail "ended early"; sleep 0.02; done
refuses killed 'killed.lock: another process is writing this folder' "${long[@]}"
kill -9 $pid
wait $pid 2>/dev/null || true
last=$(cd killed && printf '%s\n' step_* | sort -V | tail -n 1)
steps=$((${last#step_} + 50))
tiny killed "${long[@]}" --max_steps $steps --resume
tiny long "${long[@]}" --save_interval 0 --max_steps $steps
same_model {long,killed}/"step_$steps"

# L-11.14, L-11.16, L-3.27
# What contradicts the record of the run names both values; other text, tokens or tokenizer are refused.
refuses whole 'n_head: is 4, the run in whole was started with 2' --resume --n_head 4
refuses whole 'tokenizer: is "bpe", the run in whole was started with "char"' --resume --tokenizer bpe
refuses whole 'block_size: is 8, the run in whole was started with 16' --resume --block_size 8
refuses fresh 'nothing to go on with' --resume
sed '1s/./a/; 2s/^../bb/; 3s/^../cc/; 4s/^../dd/' book.txt >other.txt
[ "$(wc -c <other.txt)" = "$(wc -c <book.txt)" ] || fail "other.txt should have the length of book.txt"
for run in whole mapped; do refuses $run 'other.txt: is not the text that the run was started with .book.txt' --resume --data_path other.txt; done
cp -r mapped broken
printf x | dd of=broken/tokens.bin bs=1 seek=100 conv=notrunc status=none
refuses broken 'broken/tokens.bin: was changed' --memmap_dataset --resume
cp mapped/tokens.bin broken/tokens.bin
sed -i 's/"kind": "char"/"kind": "bpe"/' broken/tokenizer.json
refuses broken 'broken/tokenizer.json: ' --memmap_dataset --resume
# Started anew the tokens of another text are made again.
before=$(sha256sum <mapped/tokens.bin)
tiny mapped --memmap_dataset --data_path other.txt --max_steps 1
has mapped.err 'mapped/tokens.bin is built anew: its data_sha256'
[ "$(sha256sum <mapped/tokens.bin)" != "$before" ] || fail "stale tokens"

# L-11.18, L-11.19, L-11.20
# Byte-level BPE: its size, or what the least count of a pair leaves of it.
tiny bpe --tokenizer bpe --bpe_vocab_size 300 --max_steps 1 --eval_interval 0
has bpe.out '^Vocabulary size: 300$'
tiny rare --tokenizer bpe --bpe-vocab-size 300 --bpe_min_frequency 1000000 --max_steps 1 --eval_interval 0
has rare.out '^Vocabulary size: 256$'
has rare.err 'the vocabulary has 256 tokens, not 300'
refuses few 'vocab_size 10 is too small' --tokenizer bpe --bpe_vocab_size 10

# L-11.56, L-11.57, L-11.58
# The curriculum: what it says, the tokens it counts, and going on in its middle.
ramp=(--curriculum --curriculum_start_block_size 4 --curriculum_steps 8 --grad_accum_steps 2)
tiny ramp "${ramp[@]}"
has ramp.out 'sequences of 4 tokens grow to 16 over 8 steps; the longest that this run trains is 16' 'more than half of --max_steps 12'
# 4 for three steps, 8 for five (multiples of 8 on the way), 16 for four, of 2 x 4 sequences each.
grep '"performance/trained_tokens"' ramp/metrics.jsonl | tail -n 1 >last.json
has last.json '"total_training_tokens": 928[,}]' '"performance/trained_tokens": 928'
rm -r ramp/step_12
cp -r ramp wide
tiny ramp "${ramp[@]}" --resume
tiny straight "${ramp[@]}" --dataloader_workers 2 --eval_interval 0
same_model straight/step_12 ramp/step_12
refuses wide 'a step of the curriculum had 8 samples, now has 3' "${ramp[@]}" --resume --batch_size 3 --grad_accum_steps 1
refuses ramp 'curriculum_start_block_size' --curriculum --curriculum_start_block_size 17

# L-11.69, L-11.72, L-11.74
# Without validation there is none, and the run is saved all the same; without evaluations only at its end.
tiny blind --val_fraction 0
if grep -q 'bpb' blind.out; then fail "a validation nobody asked for"; fi
[ "$(cd blind && ls -d step_* | sort -V | xargs)" = "step_6 step_12" ] || fail "saves without validation"
tiny silent --eval_interval 0
[ "$(cd silent && echo step_*)" = "step_12" ] || fail "saves without evaluations"
tiny sampling --sample_interval 6 --eval_interval 0
[ "$(grep -c '^--- sample$' sampling.out)" = 2 ] || fail "samples at 6 and 12"
if grep -q '^--- sample$' whole.out; then fail "samples nobody asked for"; fi
# L-11.75: as many new tokens as asked for, more than the model has positions, after the prompt.
tiny sampling --sample_interval 12 --eval_interval 0 --sample_chars 40 --prompt ab
sed -n '/^--- sample$/,/^---$/p' sampling.out | sed '1d;$d' >sample.txt
[ "$(wc -c <sample.txt)" = 43 ] || fail "2 characters of prompt, 40 new ones, a line end"
grep -q '^ab' sample.txt || fail "the prompt comes first"

# Samples of a run, and of its average, are in the metrics.
tiny shown --sample_interval 6 --ema --ema_start_step 3 || fail "a run with samples: $(cat shown.err)"
[ "$(grep -c '"samples": \["--- sample' shown/metrics.jsonl)" = 2 ] || fail "samples of steps 6 and 12 in the metrics"
