#include "bench/tokenizer_train_bench.h"

#include <functional>
#include <limits>

#include "core/check.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/rng.h"

namespace lathe::bench {
namespace {

constexpr size_t kDocumentBytes = 10'000;
constexpr size_t kBlockBytes = 16 << 20;

Result<TokenizerTrainFigures> measure(const std::function<Result<tokenizer::TrainResult>()>& train) {
  const double start = Clock::real().seconds();
  LATHE_TRY(const tokenizer::TrainResult trained, train());
  TokenizerTrainFigures figures;
  figures.train_s = Clock::real().seconds() - start;
  figures.documents = trained.report.documents;
  figures.bytes = trained.report.bytes;
  figures.vocab_size = trained.tokenizer.vocab_size();
  figures.distinct_pieces = trained.report.distinct_pieces;
  figures.runs = trained.report.runs;
  figures.count_s = trained.report.count_seconds;
  figures.merge_s = trained.report.merge_seconds;
  if (figures.train_s > 0) figures.mb_per_s = static_cast<double>(figures.bytes) / 1e6 / figures.train_s;
  figures.peak_rss_mb = peak_rss_mb();
  figures.tokenizer_sha256 = trained.tokenizer.hash();
  return figures;
}

}  // namespace

Json TokenizerTrainFigures::to_json() const {
  return Json(Json::Object{{"documents", documents},
                           {"bytes", bytes},
                           {"vocab_size", vocab_size},
                           {"distinct_pieces", distinct_pieces},
                           {"runs", runs},
                           {"train_s", train_s},
                           {"count_s", count_s},
                           {"merge_s", merge_s},
                           {"mb_per_s", mb_per_s},
                           {"peak_rss_mb", peak_rss_mb},
                           {"tokenizer_sha256", tokenizer_sha256}});
}

Result<TokenizerTrainFigures> bench_tokenizer_train(std::span<const std::string> texts, tokenizer::TrainSettings settings) {
  settings.doc_cap = settings.max_chars = std::numeric_limits<int64_t>::max();
  return measure([&] { return tokenizer::train_bpe(settings, texts); });
}

SentenceStream::SentenceStream(std::span<const std::string> texts, uint64_t seed, double new_words)
    : seed_(seed), new_words_(new_words) {
  for (const std::string_view text : texts)
    for (size_t begin = 0; begin < text.size();) {
      const size_t stop = text.find(". ", begin);
      const size_t end = stop == std::string_view::npos ? text.size() : stop + 2;
      sentences_.push_back(text.substr(begin, end - begin));
      begin = end;
    }
  require(!sentences_.empty(), "[SentenceStream] the texts are empty");
}

std::string SentenceStream::next_document() {
  Rng rng(seed_, "sentence stream", document_++);
  std::string document;
  document.reserve(kDocumentBytes + 2000);
  while (document.size() < kDocumentBytes) {
    const std::string_view sentence = sentences_[rng.below(sentences_.size())];
    const size_t begin = document.size();
    document += sentence;
    const double words = static_cast<double>(sentence.size()) / 6;  // about as many blanks
    if (!rng.chance(std::min(1.0, words * new_words_))) continue;
    const size_t blank = document.find(' ', begin + rng.below(sentence.size()));
    std::string word = " ";
    for (uint64_t letters = 5 + rng.below(8); letters > 0; --letters) word += static_cast<char>('a' + rng.below(26));
    if (blank != std::string::npos) document.insert(blank, word);
  }
  return document;
}

Result<TokenizerTrainFigures> bench_tokenizer_stream(std::span<const std::string> texts, tokenizer::TrainSettings settings,
                                                     int64_t bytes, double new_words, uint64_t seed) {
  settings.doc_cap = settings.max_chars = std::numeric_limits<int64_t>::max();
  SentenceStream stream(texts, seed, new_words);
  int64_t made = 0;
  const auto next = [&](std::vector<std::string>& documents) -> Status {
    for (size_t block = 0; block < kBlockBytes && made < bytes;) {
      documents.push_back(stream.next_document());
      block += documents.back().size();
      made += static_cast<int64_t>(documents.back().size());
    }
    return {};
  };
  return measure([&] { return tokenizer::train_bpe(settings, next); });
}

}  // namespace lathe::bench
