// Consecutive shards of texts with about equal bytes, one for each thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace lathe::tokenizer {

// count + 1 ascending bounds; shard s is texts [bounds[s], bounds[s + 1]). count >= 1.
inline std::vector<size_t> equal_shards(std::span<const std::string_view> texts, size_t count) {
  size_t total = 0;
  for (const std::string_view text : texts) total += text.size();
  std::vector<size_t> bounds(count + 1, texts.size());
  bounds[0] = 0;
  size_t seen = 0, shard = 1;
  for (size_t i = 0; i < texts.size() && shard < count; ++i) {
    seen += texts[i].size();
    while (shard < count && seen >= total * shard / count) bounds[shard++] = i + 1;
  }
  return bounds;
}

}  // namespace lathe::tokenizer
