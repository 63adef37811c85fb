#include "tokenizer/spm_trainer.h"

#include <sentencepiece_trainer.h>

#include <set>
#include <unordered_map>

#include "core/text.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(const std::vector<std::string>& texts) : texts_(texts) {}
  bool done() const override { return at_ >= texts_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return texts_[at_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& texts_;
  size_t at_ = 0;
};

// The library takes lists as one line of comma-separated values with quotes.
std::string as_list(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ",") + value;
  return list;
}

Status check_symbols(const SpmSettings& settings) {
  std::set<std::string> seen;
  std::vector<std::string> all = settings.control_symbols;
  all.insert(all.end(), settings.user_defined_symbols.begin(), settings.user_defined_symbols.end());
  all.insert(all.end(), {settings.unk_piece, settings.bos_piece, settings.eos_piece, settings.pad_piece});
  for (const std::string& symbol : all) {
    if (symbol.empty()) return error("a special symbol is empty");
    if (symbol.find_first_of(",\"") != std::string::npos) return error("special symbol ", symbol, " holds a comma or a quote");
    if (first_invalid_utf8(symbol) >= 0) return error("a special symbol is not valid UTF-8");
    if (!seen.insert(symbol).second) return error("special symbol ", symbol, " is listed twice");
  }
  return {};
}

Status check_settings(const SpmSettings& s) {
  if (s.model_type != "unigram" && s.model_type != "bpe") return error("model_type must be unigram or bpe, not ", s.model_type);
  if (s.vocab_size < 1 || s.vocab_size > (1 << 22)) return error("vocab_size must be between 1 and ", 1 << 22, ", not ", s.vocab_size);
  if (!(s.character_coverage >= 0.98 && s.character_coverage <= 1)) return error("character_coverage must be between 0.98 and 1, not ", s.character_coverage);
  if (s.num_threads < 1 || s.num_threads > 128) return error("num_threads must be between 1 and 128, not ", s.num_threads);
  if (s.max_sentence_length < 16 || s.max_sentence_length > (1 << 24)) return error("max_sentence_length must be between 16 and ", 1 << 24);
  if (s.max_training_sentences < 1 || s.max_training_bytes < 1) return error("max_training_sentences and max_training_bytes must be at least 1");
  if (s.seed_sentencepiece_size < 1 || s.seed_sentencepiece_size > 100'000'000) return error("seed_sentencepiece_size must be between 1 and 100000000");
  return check_symbols(s);
}

std::unordered_map<std::string, std::string> library_settings(const SpmSettings& s) {
  const auto yes = [](bool value) { return std::string(value ? "true" : "false"); };
  return {{"vocab_size", std::to_string(s.vocab_size)},
          {"model_type", s.model_type},
          {"character_coverage", shortest_double(s.character_coverage)},
          {"normalization_rule_name", s.normalization_rule},
          {"remove_extra_whitespaces", yes(s.remove_extra_whitespaces)},
          {"add_dummy_prefix", yes(s.add_dummy_prefix)},
          {"byte_fallback", yes(s.byte_fallback)},
          {"split_digits", yes(s.split_digits)},
          {"max_sentence_length", std::to_string(s.max_sentence_length)},
          {"seed_sentencepiece_size", std::to_string(s.seed_sentencepiece_size)},
          {"num_threads", std::to_string(s.num_threads)},
          // The sample is drawn and shuffled before the library sees it.
          {"input_sentence_size", "0"},
          {"shuffle_input_sentence", "false"},
          {"unk_id", std::to_string(s.unk_id)},
          {"bos_id", std::to_string(s.bos_id)},
          {"eos_id", std::to_string(s.eos_id)},
          {"pad_id", std::to_string(s.pad_id)},
          {"unk_piece", s.unk_piece},
          {"bos_piece", s.bos_piece},
          {"eos_piece", s.eos_piece},
          {"pad_piece", s.pad_piece},
          {"control_symbols", as_list(s.control_symbols)},
          {"user_defined_symbols", as_list(s.user_defined_symbols)},
          {"minloglevel", "2"}};
}

Status check_piece(const SpmModel& model, const std::string& symbol, SpmPieceType type, int64_t id = -1) {
  const auto& pieces = model.proto().pieces;
  for (size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].text == symbol) {
      if (pieces[i].type != type) return error("special symbol ", symbol, " came out as another type of piece");
      if (id >= 0 && static_cast<int64_t>(i) != id) return error("special symbol ", symbol, " has the id ", i, ", not ", id);
      return {};
    }
  return error("the required special symbol ", symbol, " is missing from the trained model");
}

Status check_model(const SpmSettings& s, const SpmModel& model) {
  if (model.size() != s.vocab_size) return error("the trained model has ", model.size(), " pieces, not ", s.vocab_size);
  LATHE_TRY_STATUS(check_piece(model, s.unk_piece, SpmPieceType::kUnknown, s.unk_id));
  if (s.bos_id >= 0) LATHE_TRY_STATUS(check_piece(model, s.bos_piece, SpmPieceType::kControl, s.bos_id));
  if (s.eos_id >= 0) LATHE_TRY_STATUS(check_piece(model, s.eos_piece, SpmPieceType::kControl, s.eos_id));
  if (s.pad_id >= 0) LATHE_TRY_STATUS(check_piece(model, s.pad_piece, SpmPieceType::kControl, s.pad_id));
  for (const std::string& symbol : s.control_symbols) LATHE_TRY_STATUS(check_piece(model, symbol, SpmPieceType::kControl));
  for (const std::string& symbol : s.user_defined_symbols)
    LATHE_TRY_STATUS(check_piece(model, symbol, SpmPieceType::kUserDefined));
  return {};
}

}  // namespace

std::vector<std::string> chat_control_symbols(int64_t reserved) {
  std::vector<std::string> symbols = {"<|im_start|>", "<|im_end|>"};
  for (const std::string& marker : chat_special_tokens())
    if (marker != kBos) symbols.push_back(marker);  // bos_piece has that role
  for (int64_t i = 0; i < reserved; ++i) symbols.push_back(join_text("<|reserved_", i, "|>"));
  return symbols;
}

SampleLimits sample_limits(const SpmSettings& settings) {
  return {settings.max_training_sentences, settings.max_training_bytes, settings.max_sentence_length};
}

Result<std::shared_ptr<const SpmModel>> train_spm(const SpmSettings& settings, const std::vector<std::string>& sentences) {
  LATHE_TRY_STATUS(check_settings(settings));
  if (sentences.empty()) return error("there is no text to train a tokenizer on");
  Sentences iterator(sentences);
  std::string bytes;
  const auto status = sentencepiece::SentencePieceTrainer::Train(library_settings(settings), &iterator, &bytes);
  if (!status.ok())
    return error("SentencePiece could not train a vocabulary of ", settings.vocab_size, " from ", sentences.size(), " texts: ", status.message());
  LATHE_TRY(std::shared_ptr<const SpmModel> model, SpmModel::make(std::move(bytes), "the trained model"));
  LATHE_TRY_STATUS(check_model(settings, *model));
  return model;
}

}  // namespace lathe::tokenizer
