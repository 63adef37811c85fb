// Guesses of the next tokens for speculative decoding (Leviathan et al. 2023, arXiv:2211.17192). The engine draws every token itself
// from its own logits and keeps a guess only where it is the token drawn, so what is generated never depends on the drafter.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lathe::infer {

// One thread.
class Drafter {
 public:
  virtual ~Drafter() = default;
  // At most `most` guesses of what follows `tokens` (prompt and answer so far) of sequence `id`; none is fine.
  virtual std::vector<int32_t> propose(int64_t id, std::span<const int32_t> tokens, int64_t most) = 0;
  virtual void forget(int64_t id) = 0;  // the sequence has ended or was preempted
};

}  // namespace lathe::infer
