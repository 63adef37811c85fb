#include "tokenizer/split.h"

#include "tokenizer/split_scan.h"

namespace lathe::tokenizer {
namespace {

using split_scan::Contractions;
using split_scan::piece_end;
using split_scan::Words;

template <Words words, Contractions contractions, int digits>
struct Rules {
  static constexpr Words kWords = words;
  static constexpr Contractions kContractions = contractions;
  static constexpr int kDigits = digits;
  static constexpr bool kSlashTail = words == Words::kCased;
  static constexpr bool kNewlines = words != Words::kSpaced;
  static constexpr bool kWholeAtEnd = false;
};
using Chat = Rules<Words::kSigned, Contractions::kAnyFirst, 2>;
using Gpt2 = Rules<Words::kSpaced, Contractions::kLowerFirst, 0>;
using Llama3 = Rules<Words::kSigned, Contractions::kAnyFirst, 3>;
using Qwen2 = Rules<Words::kSigned, Contractions::kAnyFirst, 1>;
using Qwen35 = Rules<Words::kMarked, Contractions::kAnyFirst, 1>;
using O200k = Rules<Words::kCased, Contractions::kAnyAfterWord, 3>;
using Tekken = Rules<Words::kCased, Contractions::kNone, 1>;
struct Cl100k : Llama3 {
  static constexpr bool kWholeAtEnd = true;
};

constexpr std::string_view kChat =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                                     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                                     R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

template <class Rules>
constexpr WindowRules windows() {
  using enum WindowRules::Words;
  return {Rules::kWords == Words::kSpaced  ? kSpaced
          : Rules::kWords == Words::kCased ? kCased
                                           : kSigned,
          Rules::kDigits, Rules::kContractions != Contractions::kNone};
}

constexpr SplitPattern kPatterns[] = {
    {"chat", kChat, kChat, piece_end<Chat>, windows<Chat>()},
    {"gpt2", R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)",
     R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", piece_end<Gpt2>, windows<Gpt2>()},
    {"cl100k",
     R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|)"
     R"(\s+(?!\S)|\s)",
     R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++\z|\s*[\r\n]|)"
     R"(\s+(?!\S)|\s)",
     piece_end<Cl100k>, windows<Cl100k>()},
    {"o200k", kO200k, kO200k, piece_end<O200k>, windows<O200k>()},
    {"llama3", kLlama3, kLlama3, piece_end<Llama3>, windows<Llama3>()},
    {"qwen2", kQwen2, kQwen2, piece_end<Qwen2>, windows<Qwen2>()},
    {"qwen3.5", kQwen35, kQwen35, piece_end<Qwen35>, windows<Qwen35>()},
    {"tekken", kTekken, kTekken, piece_end<Tekken>, windows<Tekken>()},
};

}  // namespace

std::span<const size_t> PieceReader::next() {
  const CharTable& table = CharTable::get();
  size_t count = 0;
  while (begin_ < text_.size() && count + kWindowEnds < kMost) {
    begin_ = split_windows(split_.windows, text_, begin_, ends_, count);
    if (begin_ < text_.size() && count + kWindowEnds < kMost)
      ends_[count++] = begin_ = split_.piece_end(table, text_, begin_);
  }
  return std::span(ends_).first(count);
}

std::span<const SplitPattern> split_patterns() { return kPatterns; }

const SplitPattern& chat_split() { return kPatterns[0]; }

const SplitPattern* find_split_name(std::string_view name) {
  for (const SplitPattern& pattern : kPatterns)
    if (pattern.name == name) return &pattern;
  return nullptr;
}

const SplitPattern* find_split(std::string_view regex) {
  for (const SplitPattern& pattern : kPatterns)
    if (pattern.regex == regex || pattern.portable == regex) return &pattern;
  return nullptr;
}

}  // namespace lathe::tokenizer
