#include "tokenizer/bpe_trainer.h"

#include "core/check.h"
#include "core/clock.h"
#include "tokenizer/piece_counter.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

struct Prefix {
  std::string_view text;
  int64_t characters;
};

Prefix first_characters(std::string_view text, int64_t cap) {
  int64_t characters = 0;
  size_t end = 0;
  for (; end < text.size() && characters < cap; ++characters) end += read_code_point(text, end).length;
  return {text.substr(0, end), characters};
}

Status check_settings(const TrainSettings& settings) {
  const auto specials = static_cast<int64_t>(settings.special_tokens.size());
  if (settings.vocab_size - specials < 256)
    return error("vocab_size ", settings.vocab_size, " is too small: 256 bytes and ", specials,
                 " special tokens need at least ", 256 + specials);
  if (settings.vocab_size > int64_t{1} << 24) return error("vocab_size ", settings.vocab_size, " is above 16,777,216");
  if (settings.max_chars < 1) return error("max_chars must be at least 1, got ", settings.max_chars);
  if (settings.doc_cap < 1) return error("doc_cap must be at least 1, got ", settings.doc_cap);
  if (settings.min_pair_count < 1) return error("min_pair_count must be at least 1, got ", settings.min_pair_count);
  return {};
}

}  // namespace

std::vector<std::string> tokens_of_merges(const std::vector<Merge>& merges) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const auto& [left, right] : merges) {
    const auto known = static_cast<int32_t>(tokens.size());
    require(left >= 0 && left < known && right >= 0 && right < known, "[tokens_of_merges] merge ", known - 256,
            " joins ids that do not exist yet");
    tokens.push_back(tokens[static_cast<size_t>(left)] + tokens[static_cast<size_t>(right)]);
  }
  return tokens;
}

Result<TrainResult> train_bpe(const TrainSettings& settings, const NextDocuments& next) {
  LATHE_TRY_STATUS(check_settings(settings));
  const double start = Clock::real().seconds();
  TrainReport report;
  PieceCounter counter(chat_split());
  std::vector<std::string> documents;
  std::vector<std::string_view> cut;
  while (report.characters <= settings.max_chars) {
    documents.clear();
    LATHE_TRY_STATUS(next(documents));
    if (documents.empty()) break;
    cut.clear();
    for (const std::string& document : documents) {
      const Prefix prefix = first_characters(document, settings.doc_cap);
      cut.push_back(prefix.text);
      ++report.documents;
      report.characters += prefix.characters;
      report.bytes += static_cast<int64_t>(prefix.text.size());
      if (report.characters > settings.max_chars) break;
    }
    counter.add(cut);
  }
  const PieceCounter::Counts counts = counter.take();
  report.distinct_pieces = counts.pieces.size();
  const double counted = Clock::real().seconds();
  report.count_seconds = counted - start;

  const int64_t wanted = settings.vocab_size - static_cast<int64_t>(settings.special_tokens.size()) - 256;
  LATHE_TRY(const std::vector<Merge> merges,
            learn_merges(counts.pieces, counts.weights, wanted, settings.min_pair_count));
  report.merges = static_cast<int64_t>(merges.size());
  LATHE_TRY(Tokenizer tokenizer, Tokenizer::from_tokens(tokens_of_merges(merges), settings.special_tokens));
  report.merge_seconds = Clock::real().seconds() - counted;
  return TrainResult{std::move(tokenizer), report};
}

}  // namespace lathe::tokenizer
