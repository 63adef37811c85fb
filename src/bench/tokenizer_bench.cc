#include "bench/tokenizer_bench.h"

#include <vector>

#include "bench/statistics.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "data/corpus.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/tiktoken.h"

namespace lathe::bench {

Result<std::vector<std::string>> read_texts(const fs::path& path) {
  LATHE_TRY(auto corpus, data::Corpus::open(path, data::SplitRule::kTrainOnly));
  data::GroupReader reader(std::move(corpus), data::Split::kTrain);
  std::vector<std::string> texts, group;
  while (true) {
    LATHE_TRY(const bool found, reader.next_group(group));
    if (!found) return texts;
    for (std::string& text : group) texts.push_back(std::move(text));
  }
}

namespace {

Result<tokenizer::Tokenizer> load(const TokenizerBenchOptions& options) {
  if (options.pattern.empty()) return tokenizer::Tokenizer::load(options.tokenizer);
  const tokenizer::SplitPattern* split = tokenizer::find_split_name(options.pattern);
  if (!split) {
    std::string names;
    for (const tokenizer::SplitPattern& known : tokenizer::split_patterns())
      names += join_text(names.empty() ? "" : ", ", known.name);
    return error_at("pattern", -1, "unknown split pattern ", options.pattern, "; known are ", names);
  }
  if (!tokenizer::is_rank_file(options.tokenizer))
    return error_at("pattern", -1, "is for rank files (.tiktoken, .tiktoken.zst); ", options.tokenizer.string(),
                    " names its own");
  return tokenizer::load_ranks(options.tokenizer, split);
}

}  // namespace

Result<Json> bench_tokenizer(const TokenizerBenchOptions& options) {
  if (options.rounds < 1) return error_at("rounds", -1, "must be at least 1");
  const Clock& clock = Clock::real();
  LATHE_TRY(const std::vector<std::string> texts, read_texts(options.text));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  int64_t bytes = 0;
  for (const std::string_view text : views) bytes += static_cast<int64_t>(text.size());
  if (bytes == 0) return error_at(options.text.string(), -1, "holds no text");
  const double megabytes = static_cast<double>(bytes) * 1e-6;

  tokenizer::EncodeOptions encode;
  encode.num_threads = num_threads();
  std::vector<double> loads, cold, warm, splits;
  Json figures = Json::object();
  for (int64_t round = 0; round < options.rounds; ++round) {
    const double begin = clock.seconds();
    LATHE_TRY(const tokenizer::Tokenizer tokenizer, load(options));
    loads.push_back(clock.seconds() - begin);
    int64_t tokens = 0;
    for (int pass = 0; pass < 4; ++pass) {
      const double start = clock.seconds();
      const auto ids = tokenizer.encode_batch(views, encode);
      (pass == 0 ? cold : warm).push_back(clock.seconds() - start);
      tokens = 0;
      for (const auto& row : ids) tokens += static_cast<int64_t>(row.size());
    }
    if (const auto* bpe = dynamic_cast<const tokenizer::BpeModel*>(&tokenizer.model())) {
      const double start = clock.seconds();
      size_t pieces = 0;
      for (const std::string_view text : views)
        tokenizer::for_each_piece(bpe->split(), text, [&](std::string_view) { ++pieces; });
      splits.push_back(clock.seconds() - start);
      figures["pieces"] = static_cast<int64_t>(pieces);
    }
    figures["tokens"] = tokens;
    figures["vocab_size"] = tokenizer.vocab_size();
    figures["sha256"] = tokenizer.hash();
  }
  figures["encode_cold_mb_per_s"] = megabytes / median(cold);
  figures["encode_warm_mb_per_s"] = megabytes / median(warm);
  if (!splits.empty()) figures["split_mb_per_s"] = megabytes / median(splits);
  figures["bytes"] = bytes;
  figures["documents"] = static_cast<int64_t>(texts.size());
  figures["bytes_per_token"] = static_cast<double>(bytes) / figures.at("tokens").as_double();
  figures["threads"] = num_threads();
  figures["load_s"] = median(loads);
  figures["peak_rss_mb"] = peak_rss_mb();
  return figures;
}

}  // namespace lathe::bench
