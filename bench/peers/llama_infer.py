"""Reads a prompt and decodes S streams together with llama.cpp, always the likeliest token. Prints one JSON line with the
names of `lathe bench infer`."""
import argparse
import ctypes
import json
import resource
import statistics
import time

import llama_cpp as ll
import numpy as np


class Decoder:
    def __init__(self, file, streams, length, threads):
        ll.llama_backend_init()
        parameters = ll.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self.model = ll.llama_model_load_from_file(file.encode(), parameters)
        assert self.model, f"{file} could not be loaded"
        settings = ll.llama_context_default_params()
        settings.n_ctx = streams * ((length + 255) // 256 * 256)
        settings.n_batch = settings.n_ubatch = 512
        settings.n_seq_max = streams
        settings.n_threads = settings.n_threads_batch = threads
        self.context = ll.llama_init_from_model(self.model, settings)
        assert self.context, "no context"
        self.memory = ll.llama_get_memory(self.context)
        self.vocab = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(self.model))
        self.batch = ll.llama_batch_init(512, 0, 1)

    def forward(self, entries, logits_of):
        """entries: (token, position, stream); logits_of: their indices whose likeliest next token is returned."""
        self.batch.n_tokens = len(entries)
        for i, (token, position, stream) in enumerate(entries):
            self.batch.token[i], self.batch.pos[i] = token, position
            self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, stream
            self.batch.logits[i] = i in logits_of
        assert ll.llama_decode(self.context, self.batch) == 0, "decoding failed"
        return [int(np.ctypeslib.as_array(ll.llama_get_logits_ith(self.context, i), shape=(self.vocab,)).argmax()) for i in logits_of]


def run(decoder, prompt, streams, new):
    ll.llama_memory_clear(decoder.memory, True)
    start = time.perf_counter()
    for begin in range(0, len(prompt), 512):
        part = prompt[begin:begin + 512]
        last = begin + len(part) == len(prompt)
        first = decoder.forward([(t, begin + i, 0) for i, t in enumerate(part)], [len(part) - 1] if last else [])
    prefill = time.perf_counter() - start
    for stream in range(1, streams):
        ll.llama_memory_seq_cp(decoder.memory, 0, stream, -1, -1)
    column = first + [prompt[s % len(prompt)] for s in range(1, streams)]
    steps = []
    for i in range(new):
        start = time.perf_counter()
        column = decoder.forward([(t, len(prompt) + i, s) for s, t in enumerate(column)], range(streams))
        steps.append(time.perf_counter() - start)
    return prefill, steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("file")
    options = parser.parse_args()
    quiet = ll.llama_log_callback(lambda level, text, data: None)
    ll.llama_log_set(quiet, ctypes.c_void_p(0))
    decoder = Decoder(options.file, options.streams, options.prompt + options.new, options.threads)
    prompt = np.random.default_rng(42).integers(decoder.vocab, size=options.prompt).tolist()
    run(decoder, prompt, options.streams, 2)  # warms up
    prefill, steps = 1e30, []
    for _ in range(3):
        once, some = run(decoder, prompt, options.streams, options.new)
        prefill, steps = min(prefill, once), steps + some
    step = statistics.median(steps)
    print(json.dumps({"program": f"llama.cpp (llama-cpp-python {ll.__version__})", "prefill_tok_per_s": options.prompt / prefill,
                      "decode_tok_per_s": options.streams / step, "step_ms_p50": step * 1000, "model_bytes": ll.llama_model_size(decoder.model),
                      "cpu": ll.llama_print_system_info().decode(), "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
