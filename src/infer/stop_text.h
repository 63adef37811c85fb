// Stop texts in a text that comes in pieces (row L-12.11).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::infer {

class StopText {
 public:
  // Empty stop texts are ignored.
  explicit StopText(std::span<const std::string> stops);

  // What can be shown now that `piece` has come: all but what may yet become a stop text. After one was found, its beginning ends
  // the text and nothing more comes.
  std::string push(std::string_view piece);
  bool found() const { return found_; }
  const std::string& which() const { return which_; }  // was found; empty before
  // What was held back, when the text ends without a stop text.
  std::string flush();

 private:
  std::vector<std::string> stops_;
  std::string held_, which_;
  bool found_ = false;
};

}  // namespace lathe::infer
