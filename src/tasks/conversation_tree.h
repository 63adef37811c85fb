// Open Assistant's message trees as conversations from the root to each leaf. Row L-7.8, trap of row L-7.12.
#pragma once

#include <vector>

#include "tasks/conversation_form.h"

namespace lathe::tasks {

// In the order of the file; each ends with an answer, and none is the beginning of another one. Deleted messages and what hangs
// on them are left out. about: "tree", the tree's id.
Result<std::vector<Example>> tree_conversations(const Json& tree, const FormOptions& options);

}  // namespace lathe::tasks
