#include "bench/tokenizer_train_bench.h"

#include <limits>

#include "core/clock.h"
#include "core/machine.h"

namespace lathe::bench {

Json TokenizerTrainFigures::to_json() const {
  return Json(Json::Object{{"documents", documents},
                           {"bytes", bytes},
                           {"vocab_size", vocab_size},
                           {"train_s", train_s},
                           {"count_s", count_s},
                           {"merge_s", merge_s},
                           {"mb_per_s", mb_per_s},
                           {"peak_rss_mb", peak_rss_mb},
                           {"tokenizer_sha256", tokenizer_sha256}});
}

Result<TokenizerTrainFigures> bench_tokenizer_train(std::span<const std::string> texts, tokenizer::TrainSettings settings) {
  settings.doc_cap = settings.max_chars = std::numeric_limits<int64_t>::max();
  const double start = Clock::real().seconds();
  LATHE_TRY(const tokenizer::TrainResult trained, tokenizer::train_bpe(settings, texts));
  TokenizerTrainFigures figures;
  figures.train_s = Clock::real().seconds() - start;
  figures.documents = trained.report.documents;
  figures.bytes = trained.report.bytes;
  figures.vocab_size = trained.tokenizer.vocab_size();
  figures.count_s = trained.report.count_seconds;
  figures.merge_s = trained.report.merge_seconds;
  if (figures.train_s > 0) figures.mb_per_s = static_cast<double>(figures.bytes) / 1e6 / figures.train_s;
  figures.peak_rss_mb = peak_rss_mb();
  figures.tokenizer_sha256 = trained.tokenizer.hash();
  return figures;
}

}  // namespace lathe::bench
