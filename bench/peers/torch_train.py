"""Training steps of a fixed preset in PyTorch, as one would write them today: fused attention, fused AdamW, autocast for
bf16 beside float32 weights, torch.compile where asked. Prints one JSON line with the names of `lathe bench train`."""
import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

# layers, width, heads, hidden, vocabulary, rows, tokens of a row: those of src/bench/presets.cc
PRESETS = {
    "llama-small": dict(layers=8, width=512, heads=8, hidden=2048, vocab=32000, batch=8, seq=256, llama=True),
    "gpt2-124m": dict(layers=12, width=768, heads=12, hidden=3072, vocab=50257, batch=4, seq=64, llama=False),
}


def rotate(x, cosine, sine):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine), dim=-1)


class Block(nn.Module):
    def __init__(self, p):
        super().__init__()
        width, self.heads, self.llama = p["width"], p["heads"], p["llama"]
        norm = nn.RMSNorm if self.llama else nn.LayerNorm
        self.norm1, self.norm2 = norm(width), norm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=not self.llama)
        self.out = nn.Linear(width, width, bias=not self.llama)
        self.up = nn.Linear(width, (2 if self.llama else 1) * p["hidden"], bias=not self.llama)
        self.down = nn.Linear(p["hidden"], width, bias=not self.llama)

    def forward(self, x, cosine, sine):
        rows, t, width = x.shape
        q, k, v = (y.view(rows, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        if self.llama:
            q, k = rotate(q, cosine, sine).to(v.dtype), rotate(k, cosine, sine).to(v.dtype)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(rows, t, width))
        h = self.up(self.norm2(x))
        if self.llama:
            gate, up = h.chunk(2, dim=-1)
            h = F.silu(gate) * up
        else:
            h = F.gelu(h, approximate="tanh")
        return x + self.down(h)


class Model(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.llama = p["llama"]
        self.embedding = nn.Embedding(p["vocab"], p["width"])
        self.blocks = nn.ModuleList(Block(p) for _ in range(p["layers"]))
        self.norm = (nn.RMSNorm if self.llama else nn.LayerNorm)(p["width"])
        self.head = nn.Linear(p["width"], p["vocab"], bias=False)
        if self.llama:
            half = p["width"] // p["heads"] // 2
            angle = torch.outer(torch.arange(p["seq"]).float(), 10000.0 ** (-torch.arange(half).float() / half))
            self.register_buffer("cosine", angle.cos())
            self.register_buffer("sine", angle.sin())
        else:
            self.positions = nn.Embedding(p["seq"], p["width"])
            self.head.weight = self.embedding.weight
            self.cosine = self.sine = None
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        x = self.embedding(ids)
        if not self.llama:
            x = x + self.positions.weight
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.float().view(-1, logits.shape[-1]), targets.view(-1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--dtype", choices=["bf16", "fp32"], required=True)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    p = PRESETS[options.preset]
    model = Model(p)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ids = torch.randint(p["vocab"], (p["batch"], p["seq"]))
    targets = torch.randint(p["vocab"], (p["batch"], p["seq"]))
    forward = torch.compile(model) if options.compile else model

    times, loss = [], None
    for _ in range(options.steps + 2):  # two that warm up, as lathe's
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.dtype == "bf16"):
            loss = forward(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - start)
    step = statistics.median(times[2:])
    print(json.dumps({"program": f"PyTorch {torch.__version__}", "tok_per_s": p["batch"] * p["seq"] / step, "step_ms_p50": step * 1000,
                      "first_step_ms": times[0] * 1000, "loss": loss.item(), "parameters": sum(x.numel() for x in model.parameters()),
                      "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
