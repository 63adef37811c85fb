#include "tasks/tool_machine.h"

#include <optional>
#include <utility>

namespace lathe::tasks {

ToolMachine::ToolMachine(ToolTokens tokens, ToolText text, CalculatorMode mode)
    : tokens_(tokens), text_(std::move(text)), mode_(mode) {}

ToolMachine::Step ToolMachine::advance(int32_t drawn) {
  Step step{drawn, true};
  if (!forced_.empty()) {
    step = {forced_.front(), false};
    forced_.pop_front();
  }
  const int32_t token = step.token;
  if (token == tokens_.assistant_end || token == tokens_.bos) completed_ = true;
  // Not "else": an end token inside a block is collected like any other.
  if (token == tokens_.python_start) {
    in_block_ = true;
    collected_.clear();
  } else if (token == tokens_.python_end && in_block_) {
    in_block_ = false;
    if (!collected_.empty()) {
      if (const std::optional<std::string> result = calculate(text_.decode(collected_), mode_)) {
        const std::vector<int32_t> ids = text_.encode(*result);
        forced_.push_back(tokens_.output_start);
        forced_.insert(forced_.end(), ids.begin(), ids.end());
        forced_.push_back(tokens_.output_end);
      }
      collected_.clear();
    }
  } else if (in_block_) {
    collected_.push_back(token);
  }
  return step;
}

}  // namespace lathe::tasks
