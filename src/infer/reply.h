// One row's answer as text that arrives piece by piece (rows C-11.5, C-11.12, C-11.13).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/engine.h"

namespace lathe::infer {

using OnText = std::function<bool(std::string_view)>;  // false ends generation

struct Reply {
  std::vector<int32_t> tokens;  // without the terminal token
  StopReason reason = StopReason::kCompleted;
};

// Only whole characters are handed over; what is incomplete at the end is flushed as U+FFFD. Terminal tokens never
// show, tool markers show by name. options.num_samples must be 1. stop_texts: the answer ends before the first of them, wherever
// the borders of tokens lie, as completed; what could be the beginning of one is held back until it is not (row L-12.11).
Result<Reply> stream_reply(Engine& engine, std::span<const int32_t> prompt, const GenerateOptions& options,
                           const OnText& on_text, const IsCancelled& is_cancelled = {},
                           std::span<const std::string> stop_texts = {});

}  // namespace lathe::infer
