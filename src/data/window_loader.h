// Batches of random windows from one stream of tokens, for the small trainer (rows L-11.25 to L-11.29, L-11.59,
// L-11.71, L-11.72). The window of global sample k is a pure function of (seed, k): accumulation, ranks, workers and
// whether the stream is in memory change nothing.
#pragma once

#include <memory>
#include <optional>

#include "data/curriculum.h"
#include "data/token_loader.h"
#include "data/token_stream.h"

namespace lathe::data {

// Tokens [begin, end) of a stream.
struct TokenRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};
struct WindowSplit {
  TokenRange train, validation;  // validation is empty with val_fraction 0
};
// The tail of the stream validates, no window crosses the border. A part shorter than block_size + 1 is an error that
// names the key or flag (rows L-11.25, L-11.72).
Result<WindowSplit> split_windows(int64_t tokens, double val_fraction, int64_t block_size);

struct WindowLoaderOptions {
  int64_t rows = 64;  // sequences of a micro batch
  int64_t block_size = 128;
  int64_t rank = 0, world = 1;
  int64_t accumulation = 1;     // micro batches of a step, for the curriculum
  int64_t workers = 0;          // 0: in the calling thread
  int64_t prefetch_factor = 2;  // batches held ready per worker
  bool persistent_workers = true;
  uint64_t seed = 42;
  std::optional<Curriculum> curriculum;  // cuts windows, never moves them
};

class WindowLoader : public TokenLoader {
 public:
  // Without persistent workers: ends their threads until the next batch (row L-11.28). Call it before an evaluation.
  virtual void pause() = 0;
};

// The range must hold block_size + 1 tokens (split_windows sees to it). State: the next global sample.
std::unique_ptr<WindowLoader> window_loader(TokenStream stream, TokenRange range, const WindowLoaderOptions& options);

// Which evaluation a batch is for: its windows are keyed by (seed, split, index), the same at every evaluation and in
// every run, always of the full block size.
enum class EvalSplit { kTrain, kValidation };
void eval_windows(const TokenStream& stream, TokenRange range, EvalSplit split, uint64_t seed, int64_t batch_index,
                  int64_t rows, int64_t block_size, TokenBatch& batch);

}  // namespace lathe::data
