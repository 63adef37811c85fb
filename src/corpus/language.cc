#include "corpus/language.h"

#include <array>
#include <cmath>

#include "core/sha256.h"
#include "core/text.h"
#include "corpus/language_data.h"

namespace lathe::corpus {
namespace {

constexpr size_t kPieceBytes = 1024;
constexpr size_t kPieces = 16;

std::array<int8_t, kLanguageBuckets> read_weights() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+";
  std::array<int8_t, kLanguageBuckets> weights{};
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<int8_t>(static_cast<int>(kAlphabet.find(kLanguageWeights[i])) - 31);
  return weights;
}

// Letters without their case, bytes beyond ASCII as they are, all else a blank.
constexpr std::array<uint8_t, 256> kFolded = [] {
  std::array<uint8_t, 256> folded{};
  for (size_t c = 0; c < 256; ++c) {
    const size_t lower = c >= 'A' && c <= 'Z' ? c + 32 : c;
    folded[c] = static_cast<uint8_t>(c >= 0x80 || (lower >= 'a' && lower <= 'z') ? lower : ' ');
  }
  return folded;
}();

struct Sum {
  int64_t weights = 0;
  int64_t trigrams = 0;
};

void add(std::string_view text, const std::array<int8_t, kLanguageBuckets>& weights, Sum& sum) {
  uint32_t window = ' ';  // the last three folded bytes, the newest lowest
  size_t seen = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t c = kFolded[static_cast<uint8_t>(text[i])];
    if (c == 0xE2 && i + 2 < text.size() && static_cast<uint8_t>(text[i + 1]) == 0x80) {  // general punctuation
      c = ' ';
      i += 2;
    }
    if (c == ' ' && (window & 0xFF) == ' ') continue;
    window = (window << 8 | c) & 0xFFFFFF;
    if (++seen < 3) continue;
    sum.weights += weights[window * 2654435761u >> 20];
    ++sum.trigrams;
  }
}

}  // namespace

void describe(SettingsTable& table, LanguageSettings& settings) {
  table.group("language");
  table.add("require_english", &settings.require_english, "remove documents that are not English");
  table.add("min_english", &settings.min_english, "least probability that a document is English");
}

double english_probability(std::string_view text) {
  static const std::array<int8_t, kLanguageBuckets> weights = read_weights();
  Sum sum;
  if (text.size() <= kPieces * kPieceBytes) {
    add(text, weights, sum);
  } else {
    for (size_t i = 0; i < kPieces; ++i)
      add(text.substr((text.size() - kPieceBytes) / (kPieces - 1) * i, kPieceBytes), weights, sum);
  }
  if (sum.trigrams == 0) return 0;
  const double mean = static_cast<double>(sum.weights) / static_cast<double>(sum.trigrams);
  return 1 / (1 + std::exp(-(mean * kLanguageScale + kLanguageBias)));
}

const std::string& language_model_sha256() {
  static const std::string hash = sha256_hex(
      join_text(shortest_double(kLanguageBias), " ", shortest_double(kLanguageScale), " ", kLanguageWeights));
  return hash;
}

}  // namespace lathe::corpus
