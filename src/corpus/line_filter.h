// C4's rules on single lines (arXiv:1910.10683, section 2.2; the bound on its words, c4_utils.py of TensorFlow Datasets):
// a line stays when it ends in a terminal mark, has enough words, none of them endless, and speaks neither of javascript nor of cookies and policies. Lines come measured (corpus/text_statistics.h).
#pragma once

#include <string>
#include <string_view>

#include "corpus/text_statistics.h"

namespace lathe::corpus {

// The value of the line rule `key` (corpus/quality.h). `text` is the text of the line, `buffer` for its lower case.
double line_value(std::string_view key, std::string_view text, const StatisticsScratch::Line& line,
                  std::string& buffer);

}  // namespace lathe::corpus
