#!/usr/bin/env bash
# Models go to Hugging Face's library and come from it: the same token ids, logits and greedy text on both sides. LATHE_PYTHON
# names an interpreter that has torch and transformers, else python3; skipped where there is none. C-7.7
set -euo pipefail
python=${LATHE_PYTHON:-python3}
command -v "$python" >/dev/null && "$python" -c 'import torch, transformers, tokenizers' 2>/dev/null || { echo "no Python with torch and transformers"; exit 77; }
lathe=${LATHE:-${LATHE_BUILD:?}/lathe}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
fail() { echo "FAILED: $*"; exit 1; }
quiet() { "$@" >out.txt 2>err.txt || { tail -n 5 err.txt; fail "$*"; }; }

# 1: models made there, by every family; prompts begin with the token that begins a text.
cat >make.py <<'PYTHON'
import torch
from transformers import *
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers
tok = Tokenizer(models.BPE())
tok.pre_tokenizer, tok.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
tok.train_from_iterator(["The quick brown fox jumps over the lazy dog. def f(x):\n    return x + 1\n caf\u00e9 12345"] * 9,
                        trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|endoftext|>"]))
size, more = tok.get_vocab_size(), 7
torch.manual_seed(0)
c = dict(vocab_size=size + more, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
         max_position_embeddings=256, bos_token_id=0, eos_token_id=0, pad_token_id=None, initializer_range=0.2)
made = {
    "gpt2": GPT2LMHeadModel(GPT2Config(vocab_size=size + more, n_embd=64, n_layer=2, n_head=4, n_positions=256, initializer_range=0.2, bos_token_id=0, eos_token_id=0)),
    "llama": LlamaForCausalLM(LlamaConfig(**c)), "mistral": MistralForCausalLM(MistralConfig(**c, sliding_window=16)),
    "qwen2": Qwen2ForCausalLM(Qwen2Config(**c, use_sliding_window=True, sliding_window=16, max_window_layers=1)),
    "qwen3": Qwen3ForCausalLM(Qwen3Config(**c, head_dim=32)), "gemma2": Gemma2ForCausalLM(Gemma2Config(**c, head_dim=24, sliding_window=16)),
    "gemma3": Gemma3ForCausalLM(Gemma3TextConfig(**c, head_dim=24, sliding_window=16))}
fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<|endoftext|>", eos_token="<|endoftext|>")
for name, model in made.items():
    model.eval()
    for p in model.parameters():
        if p.dim() == 1: p.data += 0.1 * torch.randn_like(p)
    model.save_pretrained(name, **({"max_shard_size": "60KB"} if name == "llama" else {}))
    fast.save_pretrained(name)
    ids = torch.tensor([[0] + tok.encode("The quick brown").ids])
    g = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False, eos_token_id=0, pad_token_id=0, suppress_tokens=list(range(size, size + more)))
    open(name + ".text", "wb").write((fast.decode(g[0][1:]).removesuffix("<|endoftext|>") + "\n").encode())
PYTHON
quiet "$python" make.py
for name in gpt2 llama mistral qwen2 qwen3 gemma2 gemma3; do
  quiet "$lathe" import "$name"
  "$lathe" generate --tag "$name" --prompt "The quick brown" --max-tokens 64 --temperature 0 --dtype fp32 >"$name.said" 2>err.txt || { tail -n 3 err.txt; fail "generate with $name"; }
  cmp "$name.said" "$name.text" || fail "$name: another text"
  quiet "$lathe" export "back/$name" --to hf --type fp32 --tag "$name"
done

# 2: a LLaMA trained here.
awk 'BEGIN { srand(3); for (i = 0; i < 900; i++) { s = ""; for (j = 0; j < 9; j++) s = s sprintf("w%d ", int(rand() * 40)); print "{\"text\": \"" s ".\"}" } }' >docs.jsonl
quiet "$lathe" tokenizer train --data docs.jsonl --vocab-size 290
ln -s "$LATHE_BASE_DIR/tokenizer" tok
quiet "$lathe" pack --data docs.jsonl --tokenizer-dir tok --output-dir packed --sequence-length 64
cat >lab.json <<'END'
{"name": "small", "architecture_config": {"model_name": "small", "n_layer": 2, "d_model": 64, "n_head": 4, "vocab_size": 290, "sequence_length": 64},
 "training_params": {"learning_rate": 5e-3, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "max_steps": 30, "warmup_steps": 3, "save_steps": 30, "logging_steps": 10, "eval_steps": 30, "eval_batches": 2},
 "data_params": {"sequence_length": 64, "data_seed": 1}}
END
quiet "$lathe" 40_pretrain --config lab.json --data_dirs packed --tokenizer_dir tok --output_dir trained
quiet "$lathe" export back/trained --to hf --type fp32 --model-path trained/small/final --tokenizer-dir tok
quiet "$lathe" import back/trained --tag trained
quiet "$lathe" import back/trained --tag trained --as sft
quiet "$lathe" export back/talks --to hf --type fp32 --source sft --tag trained
"$lathe" generate --tag trained --prompt "w1 w2" --max-tokens 64 --temperature 0 --dtype fp32 >trained.said 2>err.txt || { tail -n 3 err.txt; fail "generate"; }
for text in "w1 w2" "  a b	c" "café 日本 😀 12345"; do "$lathe" tokenizer encode --tokenizer tok "$text" 2>/dev/null; done >trained.ids

# 3: what went there is what came from here.
cat >check.py <<'PYTHON'
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
torch.manual_seed(0)
for name in "gpt2 llama mistral qwen2 qwen3 gemma2 gemma3".split():
    a, b = (AutoModelForCausalLM.from_pretrained(x).eval() for x in (name, "back/" + name))
    s, t = (AutoTokenizer.from_pretrained(x) for x in (name, "back/" + name))
    text = "The quick caf\u00e9\n  fox 123 <|endoftext|>"
    assert s(text).input_ids == t(text).input_ids, name
    ids = torch.randint(0, 290, (1, 90))
    with torch.no_grad():
        worst = (a(ids).logits - b(ids).logits).abs().max().item()
    assert worst < 1e-4, (name, worst)
model, tok = AutoModelForCausalLM.from_pretrained("back/trained").eval(), AutoTokenizer.from_pretrained("back/trained")
wanted = [[int(x) for x in line.split()] for line in open("trained.ids")]
texts = ["w1 w2", "  a b\tc", "caf\u00e9 \u65e5\u672c \U0001f600 12345"]
assert [tok(t).input_ids for t in texts] == wanted, ([tok(t).input_ids for t in texts], wanted)
ids = torch.tensor([[tok.bos_token_id] + wanted[0]])
g = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False)
said = tok.decode(g[0][1:], skip_special_tokens=False).encode() + b"\n"
ours = open("trained.said", "rb").read()
assert ours.rstrip(b"\n") == said.rstrip(b"\n") or said.startswith(ours.rstrip(b"\n")), (ours, said)
talk = AutoTokenizer.from_pretrained("back/talks")
turns = [("system", "be kind"), ("user", "hi"), ("assistant", "yo"), ("user", "more")]
text = talk.apply_chat_template([dict(role=r, content=c) for r, c in turns], tokenize=False, add_generation_prompt=True)
assert text == "<|bos|><|user_start|>be kind\n\nhi<|user_end|><|assistant_start|>yo<|assistant_end|><|user_start|>more<|user_end|><|assistant_start|>", text
print("same")
PYTHON
quiet "$python" check.py
grep -q same out.txt || fail "no word of the check"
