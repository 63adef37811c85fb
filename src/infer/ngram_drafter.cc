#include "infer/ngram_drafter.h"

#include "core/check.h"

namespace lathe::infer {

NgramDrafter::NgramDrafter(int64_t longest, int64_t shortest) : longest_(longest), shortest_(shortest) {
  require(shortest >= 1 && shortest <= longest, "[ngram_drafter] n-grams of ", shortest, " to ", longest, " tokens");
}

std::vector<int32_t> NgramDrafter::propose(int64_t, std::span<const int32_t> tokens, int64_t most) {
  std::vector<int32_t> guesses;
  const auto size = static_cast<int64_t>(tokens.size());
  int64_t best = shortest_ - 1, follows = size;
  for (int64_t end = size - 1; end > best && best < longest_; --end) {
    int64_t same = 0;
    while (same < longest_ && same < end && tokens[static_cast<size_t>(end - 1 - same)] == tokens[static_cast<size_t>(size - 1 - same)]) ++same;
    if (same > best) best = same, follows = end;
  }
  if (follows == size) return guesses;
  for (int64_t i = 0; i < most; ++i) {
    const int64_t from = follows + i;
    guesses.push_back(from < size ? tokens[static_cast<size_t>(from)] : guesses[static_cast<size_t>(from - size)]);
  }
  return guesses;
}

}  // namespace lathe::infer
