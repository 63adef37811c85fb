#include "tokenizer/bpe_trainer.h"

#include <cstring>
#include <future>

#include "core/clock.h"
#include "core/parallel.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/piece_counter.h"
#include "tokenizer/tokenizer_file.h"
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
  while (end < text.size() && characters < cap) {
    uint64_t eight = ~uint64_t{0};
    if (end + 8 <= text.size() && characters + 8 <= cap) std::memcpy(&eight, text.data() + end, 8);
    const bool ascii = (eight & 0x8080808080808080) == 0;
    end += ascii ? 8 : read_code_point(text, end).length;
    characters += ascii ? 8 : 1;
  }
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
  if (settings.memory < 1) return error("the memory for counting must be at least 1 byte, got ", settings.memory);
  return {};
}

MergeRules rules_of(const TrainSettings& settings) {
  MergeRules rules;
  rules.min_count = settings.min_pair_count;
  rules.ties = settings.ties;
  if (settings.style == TrainStyle::kHuggingFace)
    for (int id = 0; id < 256; ++id) rules.bytes[static_cast<size_t>(id)] = static_cast<uint8_t>(gpt2_byte(id));
  return rules;
}

Result<Tokenizer> chat_tokenizer(const TrainSettings& settings, const std::vector<Merge>& merges) {
  LATHE_TRY(auto model, BpeModel::make(*settings.split, tokens_of_merges(merges)));
  return Tokenizer::from_model(std::move(model), settings.special_tokens);
}

Result<Tokenizer> hugging_face_tokenizer(const TrainSettings& settings, std::vector<Merge> merges) {
  BpeVocabulary vocabulary;
  vocabulary.whole_pieces = false;
  std::vector<AddedToken> added;
  for (const std::string& special : settings.special_tokens) {
    AddedToken token;
    token.text = special;
    token.id = static_cast<int32_t>(added.size());
    added.push_back(std::move(token));
    vocabulary.tokens.emplace_back();
  }
  for (std::string& token : tokens_of_merges(merges, rules_of(settings))) vocabulary.tokens.push_back(std::move(token));
  const auto shift = static_cast<int32_t>(added.size());
  for (auto& [left, right] : merges) left += shift, right += shift;
  vocabulary.merges = std::move(merges);
  LATHE_TRY(auto model, BpeModel::make(*settings.split, std::move(vocabulary)));
  LATHE_TRY(const Tokenizer tokenizer, Tokenizer::from_added(std::move(model), std::move(added)));
  LATHE_TRY(const Json file, to_hugging_face(tokenizer));
  return from_hugging_face(file, kTokenizerFile);  // so that it has the hash of what will be loaded
}

// One training from the first document to the tokenizer.
class Training {
 public:
  explicit Training(const TrainSettings& settings)
      : settings_(settings), start_(Clock::real().seconds()), counter_(*settings.split, settings.memory, settings.spill_folder) {}

  // Chooses what is counted of the next documents, which must stay until count(); false when more is not wanted.
  bool choose(std::span<const std::string> documents) {
    chosen_.resize(documents.size());
    std::vector<int64_t> characters(documents.size());
    parallel_for(static_cast<int64_t>(documents.size()), 1, [&](int64_t first, int64_t last) {
      for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
        const Prefix prefix = first_characters(documents[i], settings_.doc_cap);
        chosen_[i] = prefix.text;
        characters[i] = prefix.characters;
      }
    });
    for (size_t i = 0; i < documents.size(); ++i) {
      ++report_.documents;
      report_.characters += characters[i];
      report_.bytes += static_cast<int64_t>(chosen_[i].size());
      if (report_.characters <= settings_.max_chars) continue;
      chosen_.resize(i + 1);
      return false;
    }
    return true;
  }
  Status count() { return counter_.add(chosen_); }

  Result<TrainResult> finish() {
    LATHE_TRY(WeightedPieces pieces, counter_.take());
    report_.runs = counter_.runs();
    report_.distinct_pieces = pieces.size();
    const double counted = Clock::real().seconds();
    report_.count_seconds = counted - start_;
    const int64_t wanted = settings_.vocab_size - static_cast<int64_t>(settings_.special_tokens.size()) - 256;
    LATHE_TRY(std::vector<Merge> merges, learn_merges(std::move(pieces), wanted, rules_of(settings_)));
    report_.merges = static_cast<int64_t>(merges.size());
    LATHE_TRY(Tokenizer tokenizer, settings_.style == TrainStyle::kChat ? chat_tokenizer(settings_, merges)
                                                                        : hugging_face_tokenizer(settings_, std::move(merges)));
    report_.merge_seconds = Clock::real().seconds() - counted;
    return TrainResult{std::move(tokenizer), report_};
  }

 private:
  const TrainSettings& settings_;
  double start_;
  PieceCounter counter_;
  std::vector<std::string_view> chosen_;
  TrainReport report_;
};

}  // namespace

Result<TrainResult> train_bpe(const TrainSettings& settings, const NextDocuments& next) {
  LATHE_TRY_STATUS(check_settings(settings));
  Training training(settings);
  std::vector<std::string> documents, following;
  LATHE_TRY_STATUS(next(documents));
  while (!documents.empty()) {
    following.clear();
    std::future<Status> reading;
    if (training.choose(documents)) reading = std::async(std::launch::async, [&] { return next(following); });
    const Status counted = training.count();
    const Status read = reading.valid() ? reading.get() : Status();
    LATHE_TRY_STATUS(counted);
    LATHE_TRY_STATUS(read);
    documents.swap(following);
  }
  return training.finish();
}

Result<TrainResult> train_bpe(const TrainSettings& settings, std::span<const std::string> documents) {
  LATHE_TRY_STATUS(check_settings(settings));
  Training training(settings);
  training.choose(documents);
  LATHE_TRY_STATUS(training.count());
  return training.finish();
}

Status save_trained(const Tokenizer& tokenizer, TrainStyle style, const fs::path& folder) {
  if (style == TrainStyle::kChat) return tokenizer.save(folder);
  LATHE_TRY(Json file, to_hugging_face(tokenizer));
  file["model"]["byte_fallback"] = true;  // as the row asks; without effect, because every byte has a token
  return write_json_atomic(folder / kTokenizerFile, file);
}

}  // namespace lathe::tokenizer
