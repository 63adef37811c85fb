// lathe bench tokenizer: how fast text becomes ids.
#include "bench/tokenizer_bench.h"
#include "cli/verbs.h"

namespace lathe::cli {
namespace {

class BenchTokenizer : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench tokenizer",
            "measure",
            "how fast a tokenizer encodes text, cold and warm",
            "lathe bench tokenizer --tokenizer cl100k_base.tiktoken.zst --text corpus.jsonl.zst --threads 1 --json",
            "",
            0};
  }
  void describe(SettingsTable& table) override {
    table.add("tokenizer", &tokenizer_, "folder, tokenizer.json, *.tiktoken or *.tiktoken.zst");
    table.add("pattern", &options_.pattern, "a rank file's split pattern (cl100k, o200k, gpt2, ...); empty: by its name");
    table.add("text", &text_, "document file (.txt, .jsonl, each also .gz or .zst; .parquet), or a folder of them");
    table.add("rounds", &options_.rounds, "fresh encoders, of which medians are taken");
  }
  Result<Exit> run(Context& context) override {
    if (tokenizer_.empty()) return error_at("tokenizer", -1, "is needed: the tokenizer to measure");
    if (text_.empty()) return error_at("text", -1, "is needed: what to encode");
    options_.tokenizer = tokenizer_;
    options_.text = text_;
    LATHE_TRY(const Json figures, bench::bench_tokenizer(options_));
    const auto number = [&](const char* key) { return figures.at(key).as_double(); };
    context.print(with_thousands(figures.at("bytes").as_int()), " bytes, ", with_thousands(figures.at("tokens").as_int()), " tokens, ",
                  figures.at("threads").as_int(), " threads");
    context.print(format_text("encode:  %.1f MB/s cold, %.1f MB/s warm", number("encode_cold_mb_per_s"), number("encode_warm_mb_per_s")));
    if (figures.contains("split_mb_per_s"))
      context.print(format_text("limit:   splitting alone %.1f MB/s on one thread", number("split_mb_per_s")));
    return context.finish(figures);
  }

 private:
  std::string tokenizer_, text_;
  bench::TokenizerBenchOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_bench_tokenizer() { return std::make_unique<BenchTokenizer>(); }

}  // namespace lathe::cli
