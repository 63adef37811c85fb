// lathe bench data: how fast a corpus is prepared.
#include "bench/data_bench.h"
#include "cli/verbs.h"
#include "core/byte_size.h"
#include "core/parallel.h"

namespace lathe::cli {
namespace {

class BenchData : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench data", "measure", "cleaning, filtering, search of duplicates and packing", "lathe bench data --text corpus/ --size 1GB --json", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.add("text", &text_, "file or folder of documents whose sentences are used; empty: text made here");
    table.add("size", &size_, "text that goes through");
  }
  Result<Exit> run(Context& context) override {
    bench::DataBenchOptions options;
    options.text = text_;
    options.seed = static_cast<uint64_t>(context.common().seed);
    LATHE_TRY(options.bytes, parse_byte_size(size_));
    LATHE_TRY(const Json figures, bench::bench_data(options));
    const auto number = [&](const Json& json, const char* name, const char* form) {
      return format_text(form, json.at(name).as_double());
    };
    const auto line = [&](const char* what, const char* figure, const char* limit) {
      const Json& binds = figures.at(limit);
      context.print(what, number(figures, figure, "%.1f"), " MB/s with ", num_threads(), " threads; ",
                    binds.at("step").as_string(), " binds: alone it would reach ", number(binds, "mb_per_s", "%.1f"), " MB/s");
    };
    line("clean and filter: ", "clean_mb_per_s", "clean_limit");
    line("exact and near duplicates: ", "dedup_mb_per_s", "dedup_limit");
    context.print("packing: ", number(figures, "pack_mb_per_s", "%.1f"), " MB/s; encoding alone ", number(figures, "pack_encode_mb_per_s", "%.1f"), " MB/s");
    context.print("of ", with_thousands(figures.at("documents").as_int()), " documents ", format_text("%.1f", 100 * figures.at("kept").as_double()),
                  " % pass every rule; at most ", number(figures, "peak_rss_mb", "%.0f"), " MiB of memory");
    return context.finish(figures);
  }

 private:
  std::string text_, size_ = "1GB";
};

}  // namespace

std::unique_ptr<Verb> make_bench_data() { return std::make_unique<BenchData>(); }

}  // namespace lathe::cli
