#include "tokenizer/train_report.h"

#include <algorithm>
#include <cmath>

namespace lathe::tokenizer {

TokenBytesStats token_bytes_stats(const Tokenizer& tokenizer) {
  std::vector<int32_t> lengths = tokenizer.token_byte_lengths();
  std::erase(lengths, 0);
  if (lengths.empty()) return {};
  const auto count = static_cast<double>(lengths.size());
  TokenBytesStats stats;
  stats.min = *std::min_element(lengths.begin(), lengths.end());
  stats.max = *std::max_element(lengths.begin(), lengths.end());
  for (const int32_t length : lengths) stats.mean += length;
  stats.mean /= count;
  double squares = 0;
  for (const int32_t length : lengths) squares += (length - stats.mean) * (length - stats.mean);
  if (lengths.size() > 1) stats.std = std::sqrt(squares / (count - 1));
  return stats;
}

const std::string& round_trip_sample() {
  static const std::string text =
      "Good morning, everyone! Here is a short text to check the tokenizer.\n"
      "Numbers: 7, 42, 1984, 3.14159, 1,000,000\n"
      "Contractions: can't, we'll, they've, you're, I'm, she'd\n"
      "Symbols: # $ % & @ ~ ^ | \\ / <> [] {} () == != += -> \"quoted\"\n"
      "Unicode: \u65E9\u4E0A\u597D\uFF0C\u4E16\u754C \U0001F30D\U0001F680";
  return text;
}

Status check_round_trip(const Tokenizer& tokenizer) {
  const std::string& text = round_trip_sample();
  const std::string decoded = tokenizer.decode(tokenizer.encode(text));
  if (decoded == text) return {};
  return error("the trained tokenizer does not give its text back: \"", text, "\" became \"", decoded, "\"");
}

std::vector<std::string> settings_lines(const TrainSettings& settings) {
  return {"max_chars: " + with_thousands(settings.max_chars), "doc_cap: " + with_thousands(settings.doc_cap),
          "vocab_size: " + with_thousands(settings.vocab_size)};
}

std::string time_line(const TrainReport& report) { return format_text("Training time: %.2fs", report.seconds()); }

Json training_section(const TrainSettings& settings, const TrainReport& report, const Tokenizer& tokenizer) {
  const TokenBytesStats stats = token_bytes_stats(tokenizer);
  return Json(Json::Object{{"max_chars", settings.max_chars},
                           {"doc_cap", settings.doc_cap},
                           {"vocab_size", settings.vocab_size},
                           {"train_time", report.seconds()},
                           {"num_special_tokens", static_cast<int64_t>(tokenizer.special_tokens().size())},
                           {"token_bytes_min", stats.min},
                           {"token_bytes_max", stats.max},
                           {"token_bytes_mean", stats.mean},
                           {"token_bytes_std", stats.std}});
}

}  // namespace lathe::tokenizer
