// HumanEval (Chen et al. 2021, arXiv:2107.03374): from a completion to a program that can be checked. Rows C-7.36 to C-7.38.
#pragma once

#include <string>
#include <string_view>

namespace lathe::tasks {

// The lines of `prompt` that, trimmed, begin with "import " or "from ", trimmed and joined by line ends, up to the first other
// line that is neither empty nor a comment.
std::string leading_imports(std::string_view prompt);

// What stands in the first fence: three backticks, directly "python" or nothing, optional white space, a line end, the shortest body,
// a line end and three backticks; trimmed. Without one, the whole completion, trimmed. Backticks before another word open nothing, so
// that such a block's closing fence may open one: kept, scores must compare (row C-7.37).
std::string extract_code(std::string_view completion);

// The imports, an empty line and the code. The signature in the prompt is not part of it: the completion must repeat it (row C-7.38).
std::string human_eval_program(std::string_view prompt, std::string_view completion);

}  // namespace lathe::tasks
