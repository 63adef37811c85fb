// Texts that are read through pages, for tests.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "infer/transformer_model.h"
#include "tests/ref/small_models.h"

namespace lathe::infer::testing {

// A text, its pages, and how much of it has been read.
struct PagedText {
  std::vector<int32_t> ids, pages;
  int64_t done = 0;
  int32_t adapter = -1;

  int64_t left() const { return static_cast<int64_t>(ids.size()) - done; }
  // The next `count` tokens as a row of a step; the text must stay where it is until then.
  model::PagedRow next(int64_t count, int64_t wanted = 1) {
    model::PagedRow row;
    row.ids = std::span<const int32_t>(ids).subspan(static_cast<size_t>(done), static_cast<size_t>(count));
    row.start = done;
    row.previous = done > 0 ? ids[static_cast<size_t>(done - 1)] : -1;
    row.pages = pages;
    row.wanted = wanted;
    row.adapter = adapter;
    done += count;
    return row;
  }
};

// Of every vocabulary of the small models.
inline std::vector<int32_t> small_text(int64_t length, uint64_t seed) {
  const Tensor ids = lathe::testing::random_ids(length, 27, seed);
  return {ids.span<int32_t>().begin(), ids.span<int32_t>().end()};
}

inline std::vector<float> floats(const Tensor& x) { return {x.span<float>().begin(), x.span<float>().end()}; }

// Logits of every position, from one pass without a cache.
inline std::vector<float> all_logits(model::Transformer& transformer, const std::vector<int32_t>& ids) {
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = Tensor::of<int32_t>(ids, {static_cast<int64_t>(ids.size())});
  return floats(transformer.logits(ctx, transformer.forward(tape, batch).value));
}

// Logits of every position of what is left, in pieces of these sizes (repeated).
inline std::vector<float> read_in_pieces(LanguageModel& model, model::PagedCache& cache, PagedText& text, const std::vector<int64_t>& sizes) {
  std::vector<float> out;
  for (size_t piece = 0; text.left() > 0; ++piece) {
    const int64_t count = std::min(text.left(), sizes[piece % sizes.size()]);
    const model::PagedRow row = text.next(count, count);
    const std::vector<float> part = floats(model.step({&row, 1}, cache));
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

inline ::testing::AssertionResult same_bits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.empty()) return ::testing::AssertionFailure() << a.size() << " values and " << b.size();
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return ::testing::AssertionFailure() << "value " << i << ": " << a[i] << " and " << b[i];
  return ::testing::AssertionSuccess();
}

}  // namespace lathe::infer::testing
