// lathe bench tokenizer: how fast text becomes ids, and how fast a vocabulary is learned.
#include "bench/tokenizer_bench.h"
#include "bench/tokenizer_train_bench.h"
#include "cli/verbs.h"

namespace lathe::cli {
namespace {

class BenchTokenizer : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench tokenizer",
            "measure",
            "how fast a tokenizer encodes text, cold and warm, or is trained",
            "lathe bench tokenizer --tokenizer cl100k_base.tiktoken.zst --text corpus.jsonl.zst --threads 1 --json",
            "",
            0};
  }
  void describe(SettingsTable& table) override {
    table.add("tokenizer", &tokenizer_, "folder, tokenizer.json, *.tiktoken or *.tiktoken.zst");
    table.add("pattern", &options_.pattern, "a rank file's split pattern (cl100k, o200k, gpt2, ...); empty: by its name");
    table.add("text", &text_, "document file (.txt, .jsonl, each also .gz or .zst; .parquet), or a folder of them");
    table.add("rounds", &options_.rounds, "fresh encoders, of which medians are taken");
    table.add("train", &train_, "train a byte-level BPE on the text, too; without --tokenizer nothing else");
    table.add("vocab_size", &train_settings_.vocab_size, "train: tokens");
  }
  Result<Exit> run(Context& context) override {
    if (tokenizer_.empty() && !train_) return error_at("tokenizer", -1, "is needed: the tokenizer to measure (or --train)");
    if (text_.empty()) return error_at("text", -1, "is needed: what to encode");
    Json figures = Json::object();
    if (!tokenizer_.empty()) {
      LATHE_TRY(figures, encode(context));
    }
    if (train_) {
      LATHE_TRY(const Json trained, train(context));
      for (const auto& [key, value] : trained.as_object())
        if (tokenizer_.empty() || key == "train_s" || key == "peak_rss_mb") figures[key] = value;
    }
    return context.finish(figures);
  }

 private:
  Result<Json> encode(Context& context) {
    options_.tokenizer = tokenizer_;
    options_.text = text_;
    LATHE_TRY(Json figures, bench::bench_tokenizer(options_));
    const auto number = [&](const char* key) { return figures.at(key).as_double(); };
    context.print(with_thousands(figures.at("bytes").as_int()), " bytes, ", with_thousands(figures.at("tokens").as_int()), " tokens, ",
                  figures.at("threads").as_int(), " threads");
    context.print(format_text("encode:  %.1f MB/s cold, %.1f MB/s warm", number("encode_cold_mb_per_s"), number("encode_warm_mb_per_s")));
    if (figures.contains("split_mb_per_s"))
      context.print(format_text("limit:   splitting alone %.1f MB/s on one thread", number("split_mb_per_s")));
    return figures;
  }
  Result<Json> train(Context& context) const {
    LATHE_TRY(const std::vector<std::string> texts, bench::read_texts(text_));
    LATHE_TRY(const bench::TokenizerTrainFigures figures, bench::bench_tokenizer_train(texts, train_settings_));
    context.print(format_text("train:   %.2f s for %s tokens from ", figures.train_s, with_thousands(figures.vocab_size).c_str()),
                  with_thousands(figures.bytes), " bytes", format_text(" (counting %.2f s, merging %.2f s)", figures.count_s, figures.merge_s));
    return figures.to_json();
  }

  std::string tokenizer_, text_;
  bool train_ = false;
  tokenizer::TrainSettings train_settings_;
  bench::TokenizerBenchOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_bench_tokenizer() { return std::make_unique<BenchTokenizer>(); }

}  // namespace lathe::cli
