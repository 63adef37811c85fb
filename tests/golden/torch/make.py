#!/usr/bin/env python3
"""Writes the files of this folder with PyTorch (made with torch 2.15.0).

odd.pt    a dict of tensors of every kind that is read: dtypes, views, strides, shared storages, a parameter, a scalar, an object
model_000007.pt, meta_000007.json   a chat model of the origin's older state: compiled names, bfloat16 embedding

Element i of a tensor NAME is ((i * 7 + len(NAME)) % 31 - 15) / 16, so that a test needs no second file.
"""
import collections
import json
import pathlib
import sys

import torch

here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)


def values(name, shape, dtype=torch.float32):
    count = 1
    for extent in shape:
        count *= extent
    flat = torch.tensor([((i * 7 + len(name)) % 31 - 15) / 16 for i in range(count)], dtype=torch.float32)
    return flat.reshape(shape).to(dtype)


base = values("base", (6, 4))
odd = collections.OrderedDict(
    float=values("float", (3, 5)),
    bfloat=values("bfloat", (4, 2), torch.bfloat16),
    half=values("half", (7,), torch.float16),
    double=values("double", (2, 2), torch.float64),
    long=torch.tensor([1, -(2**40)]),
    int=torch.tensor([[1, -2, 3]], dtype=torch.int32),
    byte=torch.tensor([0, 255], dtype=torch.uint8),
    scalar=torch.tensor(0.5),
    base=base,
    transposed=base.t(),
    rows=base[2:5],
    columns=base[:, 1:3],
    parameter=torch.nn.Parameter(values("parameter", (2, 3))),
    empty=torch.empty(0, 3),
)
odd["steps"] = 12
torch.save(odd, here / "odd.pt")

layers, width, vocabulary = 2, 8, 265
names = collections.OrderedDict()
names["transformer.wte.weight"] = (vocabulary, width)
for i in range(layers):
    for part in ("c_q", "c_k", "c_v", "c_proj"):
        names[f"transformer.h.{i}.attn.{part}.weight"] = (width, width)
    names[f"transformer.h.{i}.mlp.c_fc.weight"] = (4 * width, width)
    names[f"transformer.h.{i}.mlp.c_proj.weight"] = (width, 4 * width)
names["lm_head.weight"] = (vocabulary, width)
state = collections.OrderedDict()
for name, shape in names.items():
    state["_orig_mod." + name] = values(name, shape, torch.bfloat16 if "wte" in name else torch.float32)
torch.save(state, here / "model_000007.pt")
(here / "meta_000007.json").write_text(
    json.dumps(
        {
            "step": 7,
            "val_bpb": 1.25,
            "model_config": {
                "sequence_len": 16, "vocab_size": 265, "n_layer": layers, "n_head": 1, "n_kv_head": 1, "n_embd": width,
            },
            "user_config": {"run": "dummy", "depth": 2},
        },
        indent=2,
    )
    + "\n"
)
