// The tool state machine of one sampled row (rows C-10.10, C-10.11): watches the tokens of an answer, calls the
// calculator at the end of a tool block and forces its result into the row. One object per row, not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/calculator.h"

namespace lathe::tasks {

struct ToolTokens {
  int32_t bos = -1;
  int32_t assistant_end = -1;
  int32_t python_start = -1;
  int32_t python_end = -1;
  int32_t output_start = -1;
  int32_t output_end = -1;
};

// The two directions of the tokenizer. A special token decodes to its name, which the calculator refuses (C-10.27).
struct ToolText {
  std::function<std::string(const std::vector<int32_t>&)> decode;
  std::function<std::vector<int32_t>(std::string_view)> encode;
};

class ToolMachine {
 public:
  struct Step {
    int32_t token;  // the token the row takes
    bool sampled;   // the mask: true = the sampled one, false = forced
  };

  ToolMachine(ToolTokens tokens, ToolText text, CalculatorMode mode = CalculatorMode::kNative);

  // Takes the row's draw of this step, which is ignored while forced tokens wait: a row draws at every step (C-10.9).
  Step advance(int32_t drawn);

  // After assistant_end or BOS, drawn or forced. The row may still be fed (C-10.9).
  bool completed() const { return completed_; }
  bool forcing() const { return !forced_.empty(); }

 private:
  ToolTokens tokens_;
  ToolText text_;
  CalculatorMode mode_;
  std::deque<int32_t> forced_;
  std::vector<int32_t> collected_;
  bool in_block_ = false;
  bool completed_ = false;
};

}  // namespace lathe::tasks
