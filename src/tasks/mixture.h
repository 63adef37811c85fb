// Sets of sets. Rows C-8.5, C-8.6, C-7.39, C-7.46.
#pragma once

#include <vector>

#include "tasks/conversation_set.h"

namespace lathe::tasks {

inline constexpr uint64_t kMixtureSeed = 42;

// Items start, start + step, ... below stop. stop < 0: the end of the set; else it must lie in it: the origin, which does not
// clamp, fails at the first item behind the end, this one before training starts. start >= 0, step >= 1.
Result<ConversationSetPtr> slice(ConversationSetPtr set, int64_t start, int64_t stop, int64_t step = 1);

// All conversations of all sets, listed set by set and shuffled once by Python's random.Random(seed). A set that is given twice
// comes twice: oversampling.
ConversationSetPtr mixture(std::vector<ConversationSetPtr> sets, uint64_t seed = kMixtureSeed);
// One set after the other, for a course.
ConversationSetPtr sequence(std::vector<ConversationSetPtr> sets);

}  // namespace lathe::tasks
