#include "infer/stop_text.h"

#include <algorithm>
#include <utility>

namespace lathe::infer {

StopText::StopText(std::span<const std::string> stops) {
  for (const std::string& stop : stops)
    if (!stop.empty()) stops_.push_back(stop);
}

std::string StopText::push(std::string_view piece) {
  if (found_) return {};
  held_ += piece;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at >= first) continue;
    first = at;
    which_ = stop;
  }
  if (first != std::string::npos) {
    found_ = true;
    held_.resize(first);
    return std::exchange(held_, {});
  }
  size_t keep = 0;
  for (const std::string& stop : stops_)
    for (size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length)
      if (held_.ends_with(std::string_view(stop).substr(0, length))) keep = length;
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return shown;
}

std::string StopText::flush() { return std::exchange(held_, {}); }

}  // namespace lathe::infer
