// ChatCORE, one figure of a chat model: the mean over the six public sets of how far each is above its baseline. Row C-7.30.
#pragma once

#include <optional>
#include <span>

#include "eval/task_score.h"

namespace lathe::eval {

// Mean of (accuracy - baseline) / (1 - baseline); empty unless each of the six is among the scores and has items.
std::optional<double> chat_core(std::span<const TaskScore> scores);

}  // namespace lathe::eval
