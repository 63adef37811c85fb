#include "model/paged_pass.h"

#include <algorithm>

namespace lathe::model {
namespace {

Tensor numbers(ops::Context& ctx, int64_t count) { return ctx.empty({count}, DType::kInt32); }

}  // namespace

PagedPass::PagedPass(ops::Context& ctx, const PagedStep& step, const Tensor& ids, int64_t position_limit, bool smear) {
  constexpr int64_t kPositions = PagedCache::kPositions;
  const auto rows = static_cast<int64_t>(step.rows.size());
  require(rows >= 1 && step.cache != nullptr, "[transformer] a step over pages needs rows and a cache");
  int64_t tokens = 0, used = 0, with_previous = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const PagedRow& row = step.rows[static_cast<size_t>(r)];
    const auto count = static_cast<int64_t>(row.ids.size()), end = row.start + count, held = static_cast<int64_t>(row.pages.size()) * kPositions;
    require(count >= 1 && row.start >= 0, "[transformer] row ", r, " of a step: ", count, " tokens at position ", row.start);
    require(end <= position_limit, "[transformer] positions up to ", end, " exceed the model's table of ", position_limit);
    require(end <= held, "[transformer] row ", r, " of a step needs ", end, " positions, its ", row.pages.size(), " pages hold ", held);
    for (int64_t i = 0; i < (end + kPositions - 1) / kPositions; ++i) {
      const int32_t page = row.pages[static_cast<size_t>(i)];
      require(page >= 0 && page < step.cache->pages(), "[transformer] row ", r, " of a step names page ", page, " of ", step.cache->pages());
    }
    require(!smear || row.start == 0 || row.previous >= 0, "[transformer] row ", r, " of a step does not tell the token before position ", row.start);
    tokens += count, used += (end + kPositions - 1) / kPositions, with_previous += row.start > 0;
  }
  require(tokens == ids.dim(0), "[transformer] ", ids.dim(0), " ids for rows of ", tokens, " tokens");
  positions = numbers(ctx, tokens), slots = numbers(ctx, tokens);
  sequences = {numbers(ctx, rows + 1), numbers(ctx, rows), numbers(ctx, rows + 1), numbers(ctx, used)};
  if (smear) {
    for (Tensor* x : {&smeared_ids, &smeared_positions, &smeared_starts}) *x = numbers(ctx, tokens + with_previous);
    own = numbers(ctx, tokens);
  }
  if (ctx.meta()) return;

  int32_t *position = positions.data<int32_t>(), *slot = slots.data<int32_t>(), *first_query = sequences.first_queries.data<int32_t>(),
          *length = sequences.lengths.data<int32_t>(), *first_page = sequences.first_pages.data<int32_t>(), *page = sequences.pages.data<int32_t>();
  const int32_t* id = ids.data<int32_t>();
  int32_t n = 0, p = 0, s = 0;  // tokens, pages and places of `smeared` so far
  for (int64_t r = 0; r < rows; ++r) {
    const PagedRow& row = step.rows[static_cast<size_t>(r)];
    const auto count = static_cast<int32_t>(row.ids.size()), start = static_cast<int32_t>(row.start), end = start + count;
    first_query[r] = n, first_page[r] = p, length[r] = end;
    if (row.adapter >= 0) {
      if (!runs.empty() && runs.back().number == row.adapter && runs.back().end == n) runs.back().end = n + count;
      else runs.push_back({n, n + count, row.adapter});
    }
    const int32_t begin = s;
    const auto place = [&](int32_t token, int32_t at) {
      smeared_ids.data<int32_t>()[s] = token, smeared_positions.data<int32_t>()[s] = at, smeared_starts.data<int32_t>()[s] = begin;
      ++s;
    };
    if (smear && start > 0) place(row.previous, start - 1);
    for (int32_t at = start; at < end; ++at, ++n) {
      position[n] = at;
      slot[n] = row.pages[static_cast<size_t>(at / kPositions)] * static_cast<int32_t>(kPositions) + at % static_cast<int32_t>(kPositions);
      if (!smear) continue;
      own.data<int32_t>()[n] = s;
      place(id[n], at);
    }
    const int64_t row_pages = (end + kPositions - 1) / kPositions;
    std::copy_n(row.pages.data(), row_pages, page + p);
    p += static_cast<int32_t>(row_pages);
  }
  first_query[rows] = n, first_page[rows] = p;
}

}  // namespace lathe::model
