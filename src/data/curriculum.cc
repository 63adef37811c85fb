#include "data/curriculum.h"

#include <algorithm>

namespace lathe::data {

Status Curriculum::check() const {
  if (start < 1) return error_at("curriculum_start_block_size", -1, "must be at least 1, is ", start);
  if (start > full) return error_at("curriculum_start_block_size", -1, "is ", start, ", more than block_size ", full);
  if (steps < 1) return error_at("curriculum_steps", -1, "must be at least 1, is ", steps);
  if (multiple < 1) return error_at("curriculum_multiple", -1, "must be at least 1, is ", multiple);
  return {};
}

int64_t Curriculum::length(int64_t step) const {
  if (step >= steps) return full;
  const int64_t grown = (full - start) * std::max<int64_t>(0, step) / steps;
  return std::max(start, (start + grown) / multiple * multiple);
}

std::vector<std::string> Curriculum::notes(int64_t max_steps) const {
  std::vector<std::string> lines = {join_text("curriculum: sequences of ", start, " tokens grow to ", full, " over ",
                                              steps, " steps; the longest that this run trains is ",
                                              longest(max_steps))};
  if (2 * steps > max_steps)
    lines.push_back(join_text("--curriculum_steps ", steps, " is more than half of --max_steps ", max_steps,
                              ": the full length of ", full, " is trained for ",
                              std::max<int64_t>(0, max_steps - steps), " steps"));
  return lines;
}

}  // namespace lathe::data
