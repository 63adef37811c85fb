// Guesses by looking the text itself up (prompt look-up decoding; Saxena 2023; Yang et al. 2023, arXiv:2304.04487): what followed the
// same last tokens before may follow them again. Costs no model; helps where an answer repeats its prompt or itself.
#pragma once

#include "infer/drafter.h"

namespace lathe::infer {

// Keeps nothing between calls.
class NgramDrafter : public Drafter {
 public:
  // Looks for the last `longest` tokens, or fewer, down to `shortest`, 1 <= shortest <= longest.
  explicit NgramDrafter(int64_t longest = 4, int64_t shortest = 2);
  // After the longest match, of equals the latest; a match that reaches the end goes on by repeating itself.
  std::vector<int32_t> propose(int64_t id, std::span<const int32_t> tokens, int64_t most) override;
  void forget(int64_t) override {}

 private:
  int64_t longest_, shortest_;
};

}  // namespace lathe::infer
