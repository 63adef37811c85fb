#!/usr/bin/env python3
"""Encodes and trains on the same text with lathe and the public tokenizers, in turn within one run; prints a table as Markdown.

usage: bench/peers/tokenizers.py --ranks cl100k_base.tiktoken[.zst] --text FILE_OR_FOLDER [--peers DIR] [--lathe PROGRAM]
                                 [--rounds N] [--threads N] [--train VOCAB_SIZE] [--json FILE]
  --ranks FILE     tiktoken's rank file, named as published (cl100k_base, o200k_base)
  --text PATH      .jsonl(.zst) or .txt(.zst) files, or a folder of them
  --peers DIR      where the packages are, or are installed to (the section "tokenizers" of pins.txt); default
                   $LATHE_PEERS_DIR/tokenizers, else ~/.cache/lathe/peers/tokenizers
  --train V        also train a vocabulary of V tokens with lathe, gigatoken and Hugging Face's library
Cold is the first pass of a fresh encoder, warm the median of those after it. A cell is the median over the rounds; ids must be equal.
"""
import argparse
import base64
import datetime
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent


def unpacked(path):
    if path.suffix != ".zst":
        return path.read_bytes()
    return subprocess.run(["zstd", "-dcqf", path], check=True, capture_output=True).stdout


def read_texts(path):
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    texts = []
    for file in files:
        content = unpacked(file).decode("utf-8", "replace")
        if ".jsonl" in file.name:
            texts += [json.loads(line)["text"] for line in content.splitlines() if line.strip()]
        elif ".txt" in file.name:
            texts.append(content)
    return texts


def install(folder):
    wanted = folder / "gigatoken"
    if wanted.exists():
        return
    on, lines = False, []
    for line in (HERE / "pins.txt").read_text().splitlines():
        if line.startswith("# ["):
            on = line.startswith("# [tokenizers]")
        elif on and line and not line.startswith("#"):
            lines.append(line)
    folder.mkdir(parents=True, exist_ok=True)
    pins = folder / "pins.txt"
    pins.write_text("\n".join(lines) + "\n")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
                    "--target", folder, "-r", pins], check=True)


def timed(action, passes):
    """Seconds of each pass, and the last result."""
    seconds, result = [], None
    for _ in range(passes):
        result = None  # its memory is given back before the next pass
        start = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - start)
    return seconds, result


def hugging_face(tokenizers, name, ranks):
    """The encoding as that library has it: the merge that leads to each token, and the pattern in its dialect."""
    ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in ranks.read_bytes().splitlines() if line)}
    letters = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in letters} | {byte: chr(256 + i) for i, byte in enumerate(b for b in range(256) if b not in letters)}

    def written(token):
        return "".join(letters[byte] for byte in token)

    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [token[i:i + 1] for i in range(len(token))]
        while len(parts) > 2:
            best = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], 1 << 30))
            parts[best:best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            merges.append((written(parts[0]), written(parts[1])))
    import tiktoken_ext.openai_public as public
    public.load_tiktoken_bpe = lambda *_, **__: {}
    pattern = getattr(public, name)()["pat_str"].replace("}+", "}").replace("++$", "++\\z")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({written(token): rank for token, rank in ranks.items()}, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return tokenizer


def digest(rows):
    import numpy
    total = hashlib.sha256()
    for row in rows:
        total.update(numpy.asarray(row, dtype=numpy.int32).tobytes())
    return total.hexdigest()


def run_one(program, options):
    """In a process of its own: the figures of one program as JSON."""
    sys.path.insert(0, str(options.peers))
    texts = read_texts(options.text)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    name = options.ranks.name.removesuffix(".zst").removesuffix(".tiktoken")
    ranks = options.peers / f"{name}.tiktoken"
    if not ranks.exists():
        ranks.write_bytes(unpacked(options.ranks))
    if program == "gigatoken":
        import gigatoken
        gigatoken.Tokenizer.from_tiktoken(ranks).encode_batch(texts[:20])  # what it imports at first use is not its speed
        tokenizer = gigatoken.Tokenizer.from_tiktoken(ranks)
        seconds, rows = timed(lambda: tokenizer.encode_batch(texts), 4)
    elif program == "tiktoken":
        import tiktoken
        import tiktoken_ext.openai_public as public
        mergeable = {base64.b64decode(a): int(b) for a, b in (line.split() for line in ranks.read_bytes().splitlines() if line)}
        public.load_tiktoken_bpe = lambda *_, **__: mergeable
        encoding = tiktoken.Encoding(**getattr(public, name)())
        seconds, rows = timed(lambda: encoding.encode_ordinary_batch(texts, num_threads=options.threads), 2)
    elif program == "quicktok":
        import quicktok
        encoding = quicktok.get_encoding(name)
        seconds, (tokens, offsets) = timed(lambda: encoding.encode_batch(texts), 2)
        rows = [tokens[offsets[i]:offsets[i + 1]] for i in range(len(texts))]
    else:
        import tokenizers
        tokenizer = hugging_face(tokenizers, name, ranks)
        seconds, rows = timed(lambda: tokenizer.encode_batch_fast(texts, add_special_tokens=False), 1)
        rows = [row.ids for row in rows]
    return {"cold": megabytes / seconds[0], "warm": megabytes / statistics.median(seconds[1:] or seconds), "sha256": digest(rows)}


def run_train(program, options):
    sys.path.insert(0, str(options.peers))
    texts = read_texts(options.text)
    start = time.perf_counter()
    if program == "gigatoken":
        import gigatoken
        text = b"<|endoftext|>".join(text.encode() for text in texts)
        start = time.perf_counter()
        gigatoken.train_bpe(text, options.train, [], separator=b"<|endoftext|>")
    else:
        import tokenizers
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=options.train, show_progress=False,
                                                 initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
        tokenizer.train_from_iterator(texts, trainer)
    return {"train_s": time.perf_counter() - start}


def figures_of(command, threads):
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "QUICKTOK_THREADS": str(threads)}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        print(f"{' '.join(map(str, command))} failed: {done.stderr.strip()[-800:]}", file=sys.stderr)
        return None


def lathe_encode(options):
    found = figures_of([options.lathe, "bench", "tokenizer", "--tokenizer", options.ranks, "--text", options.text, "--threads", options.threads,
                        "--rounds", 1, "--json", "--quiet"], options.threads)
    return found and {"cold": found["encode_cold_mb_per_s"], "warm": found["encode_warm_mb_per_s"], "tokens": found["tokens"]}


def lathe_train(options):
    with tempfile.TemporaryDirectory() as base:
        found = figures_of([options.lathe, "tokenizer", "train", "--data", options.text, "--vocab-size", options.train, "--base-dir", base, "--json",
                            "--quiet", "--threads", options.threads], options.threads)
    return found and {"train_s": found["train_s"]}


def median(rounds, program, figure):
    values = [r[program][figure] for r in rounds if r.get(program)]
    return statistics.median(values) if values else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=pathlib.Path, required=True)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    home = os.environ.get("LATHE_PEERS_DIR") or str(pathlib.Path.home() / ".cache/lathe/peers")
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path(home) / "tokenizers")
    parser.add_argument("--lathe", default=str(SOURCE / "build/release/lathe"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--train", type=int, default=0)
    parser.add_argument("--only", default="", help="these programs alone, by commas")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--run-train", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run or options.run_train:
        print(json.dumps(run_one(options.run, options) if options.run else run_train(options.run_train, options)))
        return
    install(options.peers)
    again = [sys.executable, __file__, *sys.argv[1:]]
    peers = [name for name in ("gigatoken", "quicktok", "tiktoken", "tokenizers") if not options.only or name in options.only.split(",")]
    rounds, trained = [], []
    for i in range(options.rounds):
        names = ["lathe", *peers]
        rounds.append({name: lathe_encode(options) if name == "lathe" else figures_of([*again, "--run", name], options.threads)
                       for name in (names if i % 2 == 0 else names[::-1])})
        if options.train:
            trainers = ["lathe", *(name for name in ("gigatoken", "tokenizers") if name in peers)]
            trained.append({name: lathe_train(options) if name == "lathe" else figures_of([*again, "--run-train", name], options.threads)
                            for name in trainers})
    if options.json:
        options.json.write_text(json.dumps({"encode": rounds, "train": trained}, indent=1) + "\n")
    digests = {r[name]["sha256"] for r in rounds for name in peers if r.get(name)}
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    print(f"{options.threads} threads, {model}, {datetime.date.today()}; {options.rounds} rounds in turn, medians; "
          f"the peers' ids are {'equal' if len(digests) <= 1 else 'NOT EQUAL'}.\n")
    print("| encode, MB/s | cold | lathe / it | warm | lathe / it |\n|---|---|---|---|---|")
    for name in ["lathe", *peers]:
        cells = []
        for figure in ("cold", "warm"):
            value = median(rounds, name, figure)
            ratios = [r["lathe"][figure] / r[name][figure] for r in rounds if r.get(name) and r.get("lathe")]
            cells += ["-" if value is None else f"{value:.0f}", f"{statistics.median(ratios):.2f}" if ratios else "-"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    if trained:
        print(f"\n| train {options.train} tokens, s | seconds | it / lathe |\n|---|---|---|")
        for name in trained[0]:
            ratios = [r[name]["train_s"] / r["lathe"]["train_s"] for r in trained if r.get(name) and r.get("lathe")]
            value = median(trained, name, "train_s")
            print(f"| {name} | {'-' if value is None else f'{value:.2f}'} | {f'{statistics.median(ratios):.2f}' if ratios else '-'} |")


if __name__ == "__main__":
    main()
