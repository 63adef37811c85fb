"""Writes the preset llama-124m with random weights as a GGUF file of one width: F16, Q8_0 or Q4_0 (norms float32)."""
import argparse
import pathlib

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, HIDDEN, VOCAB, CONTEXT = 12, 768, 12, 2048, 50257, 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--type", choices=["F16", "Q8_0", "Q4_0"], required=True)
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    kind = gguf.GGMLQuantizationType[options.type]
    rng = np.random.default_rng(42)
    partial = options.file.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_name("llama-124m, random")
    writer.add_file_type({"F16": gguf.LlamaFileType.MOSTLY_F16, "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}[options.type])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("no_vocab")

    def matrix(name, rows, columns):
        values = (rng.standard_normal((rows, columns), dtype=np.float32) * 0.02)
        if kind == gguf.GGMLQuantizationType.F16:
            writer.add_tensor(name, values.astype(np.float16))
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def norm(name):
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    matrix("token_embd.weight", VOCAB, WIDTH)
    for i in range(LAYERS):
        norm(f"blk.{i}.attn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{i}.{part}.weight", WIDTH, WIDTH)
        norm(f"blk.{i}.ffn_norm.weight")
        matrix(f"blk.{i}.ffn_gate.weight", HIDDEN, WIDTH)
        matrix(f"blk.{i}.ffn_up.weight", HIDDEN, WIDTH)
        matrix(f"blk.{i}.ffn_down.weight", WIDTH, HIDDEN)
    norm("output_norm.weight")
    matrix("output.weight", VOCAB, WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(options.file)


if __name__ == "__main__":
    main()
