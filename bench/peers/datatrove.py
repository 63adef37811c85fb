#!/usr/bin/env python3
"""Filters and deduplicates the same text with datatrove and with `lathe bench data`, in turn within one run, and prints a table as Markdown.

usage: bench/peers/datatrove.py --text PATH [--mb N] [--workers N] [--rounds N] [--peers DIR] [--lathe PROGRAM] [--json FILE]
  --text PATH      a .jsonl or .jsonl.zst file (key "text"), or a folder of them
  --mb N           text that datatrove reads, in documents of about 4 KiB (20); lathe reads 300 MB made of its sentences
  --workers N      processes of datatrove, threads of lathe; default: the processors that this process may use
  --rounds N       runs of each, in turn (1)
  --peers DIR      what bench/peers/install made; default $LATHE_PEERS_DIR, else ~/.cache/lathe/peers
  --lathe PROGRAM  default build/release/lathe
  --json FILE      all figures of all runs
datatrove does less in the first row (Gopher's two filters; lathe also cleans, tells the language and asks the rules of C4 and
FineWeb) and the same in the second: 8 bands of 16 rows over word 3-grams, signatures to survivors.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
PIECE = 4096
LATHE_BYTES = 300_000_000


def read_lines(path):
    if path.suffix != ".zst":
        yield from path.open(encoding="utf-8")
        return
    # By standard input: zstd passes over symbolic links without a word.
    with path.open("rb") as file, subprocess.Popen(["zstd", "-dcq"], stdin=file, stdout=subprocess.PIPE, encoding="utf-8") as program:
        yield from program.stdout


def write_pieces(text, folder, most, files):
    """Documents of about 4 KiB, shared out over `files` files; the bytes of their texts."""
    sources = [text] if text.is_file() else sorted(p for p in text.iterdir() if p.name.endswith((".jsonl", ".jsonl.zst")))
    out = [(folder / f"{i:03}.jsonl").open("w", encoding="utf-8") for i in range(files)]
    written = count = 0
    for source in sources:
        taken = 0
        for line in read_lines(source):
            if taken >= most / len(sources):
                break
            document = json.loads(line)["text"]
            for at in range(0, len(document), PIECE):
                piece = document[at:at + PIECE]
                out[count % files].write(json.dumps({"id": str(count), "text": piece}, ensure_ascii=False) + "\n")
                count += 1
                taken += len(piece.encode())
        written += taken
    for file in out:
        file.close()
    return written


def run_datatrove(folder, workers):
    """Seconds of filtering and of the four stages of MinHash."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(n_grams=3, num_buckets=8, hashes_per_bucket=16)
    read = lambda: JsonlReader(str(folder / "in"))
    place = lambda name: str(folder / name)

    def run(stages):
        start = time.monotonic()
        for i, (pipeline, tasks) in enumerate(stages):
            LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=workers, logging_dir=place(f"log-{len(stages)}-{i}")).run()
        return time.monotonic() - start

    filtering = run([([read(), GopherRepetitionFilter(), GopherQualityFilter(), JsonlWriter(place("kept"))], workers)])
    minhash = run([
        ([read(), MinhashDedupSignature(output_folder=place("signatures"), config=config)], workers),
        ([MinhashDedupBuckets(input_folder=place("signatures"), output_folder=place("buckets"), config=config)], config.num_buckets),
        ([MinhashDedupCluster(input_folder=place("buckets"), output_folder=place("remove"), config=config)], 1),
        ([read(), MinhashDedupFilter(input_folder=place("remove")), JsonlWriter(place("survivors"))], workers)])
    return {"clean_mb_per_s": filtering, "dedup_mb_per_s": minhash}


def run_lathe(program, text, workers):
    done = subprocess.run([program, "bench", "data", "--text", text, "--size", str(LATHE_BYTES), "--threads", str(workers), "--json", "--quiet"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench/peers/datatrove.py: lathe failed: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--mb", type=float, default=20)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default=os.environ.get("LATHE_PEERS_DIR", pathlib.Path.home() / ".cache/lathe/peers"), type=pathlib.Path)
    parser.add_argument("--lathe", default=SOURCE / "build/release/lathe")
    parser.add_argument("--json")
    options = parser.parse_args()
    sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != pathlib.Path(__file__).resolve().parent]
    try:
        import datatrove.executor  # this file bears the same name, so its own folder is no place to look
    except ImportError:
        python = options.peers / "bin/python"
        if not python.exists() or os.environ.get("LATHE_PEERS_TRIED"):
            sys.exit(f"bench/peers/datatrove.py: no datatrove in {options.peers}; first: LATHE_PEERS_ONLY=datatrove bench/peers/install {options.peers}")
        os.execve(python, [str(python), *sys.argv], {**os.environ, "LATHE_PEERS_TRIED": "1"})
    rounds = []
    with tempfile.TemporaryDirectory(prefix="lathe-peers") as scratch:
        for turn in range(options.rounds):
            folder = pathlib.Path(scratch) / str(turn)
            (folder / "in").mkdir(parents=True)
            size = write_pieces(options.text, folder / "in", options.mb * 1e6, options.workers)
            with (folder / "log").open("w") as log:  # its processes tell the progress
                stderr = os.dup(2)
                os.dup2(log.fileno(), 2)
                try:
                    seconds = run_datatrove(folder, options.workers)
                except Exception as error:
                    os.dup2(stderr, 2)
                    sys.exit(f"bench/peers/datatrove.py: datatrove failed: {error}\n{(folder / 'log').read_text()[-2000:]}")
                os.dup2(stderr, 2)
            peer = {key: size / 1e6 / taken for key, taken in seconds.items()}
            rounds.append({"datatrove": peer, "lathe": run_lathe(options.lathe, folder / "in", options.workers), "bytes": size})
    print(f"{datetime.date.today()}, {options.workers} workers, datatrove {importlib.metadata.version('datatrove')}")
    print("\n| MB/s | lathe | datatrove | ratio | binds in lathe |\n| --- | ---: | ---: | ---: | --- |")
    for name, key in (("clean and filter", "clean"), ("exact and MinHash duplicates", "dedup")):
        figure = key + "_mb_per_s"
        ours, theirs = (statistics.median(turn[who][figure] for turn in rounds) for who in ("lathe", "datatrove"))
        ratio = statistics.median(turn["lathe"][figure] / turn["datatrove"][figure] for turn in rounds)
        limit = rounds[-1]["lathe"][key + "_limit"]
        print(f"| {name} | {ours:.1f} | {theirs:.2f} | {ratio:.0f} | {limit['step']}: {limit['mb_per_s']:.0f} alone |")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
