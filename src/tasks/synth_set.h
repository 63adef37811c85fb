// The conversations of `lathe synth` without its files: number i is tasks::chat(seed, i).
#pragma once

#include "tasks/conversation_set.h"

namespace lathe::tasks {

// size >= 1; seed >= 0. about: "kind".
ConversationSetPtr synth_conversations(uint64_t seed, int64_t size);

}  // namespace lathe::tasks
