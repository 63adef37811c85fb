#include "data/window_loader.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/rng.h"
#include "data/loader_state.h"
#include "data/ordered_workers.h"

namespace lathe::data {
namespace {

// Row `row` of the batch gets the window of `index` among those named by (seed, purpose), cut to the batch's columns.
void copy_window(const TokenStream& stream, TokenRange range, uint64_t seed, std::string_view purpose, int64_t index,
                 int64_t block_size, int64_t row, std::vector<int32_t>& ids, TokenBatch& batch) {
  Rng rng(seed, purpose, static_cast<uint64_t>(index));
  const int64_t first = range.begin + static_cast<int64_t>(rng.below(static_cast<uint64_t>(range.size() - block_size)));
  const int64_t columns = batch.columns;
  ids.resize(static_cast<size_t>(columns) + 1);
  stream.read(first, ids);
  std::copy_n(ids.begin(), columns, batch.inputs().begin() + row * columns);
  std::copy_n(ids.begin() + 1, columns, batch.targets().begin() + row * columns);
}

void check_range(const TokenStream& stream, TokenRange range, int64_t block_size) {
  require(range.begin >= 0 && range.end <= stream.size() && range.size() > block_size, "[window_loader] windows of ",
          block_size, " and one more in tokens ", range.begin, " to ", range.end, " of ", stream.size());
}

struct Job {
  int64_t first = 0;  // global sample of the first row
  std::vector<int32_t> ids;
  TokenBatch batch;
};

class Loader : public WindowLoader {
 public:
  Loader(TokenStream stream, TokenRange range, const WindowLoaderOptions& options)
      : stream_(std::move(stream)), range_(range), options_(options) {
    require(options.rows > 0 && options.block_size > 0 && options.world > 0 && options.rank >= 0 &&
                options.rank < options.world && options.accumulation > 0,
            "[window_loader] options out of range");
    check_range(stream_, range_, options.block_size);
  }

  Status next(TokenBatch& batch) override {
    if (!workers_) start();
    LATHE_TRY(Job * job, workers_->next());
    std::swap(batch, job->batch);
    done_ += options_.rows * options_.world;
    return {};
  }

  Json state() const override {
    Json out(Json::Object{{"loader", "windows"},
                          {"sample", done_},
                          {"seed", static_cast<int64_t>(options_.seed)},
                          {"begin", range_.begin},
                          {"end", range_.end}});
    // The step is counted from the samples, so with a curriculum the samples of a step are fixed.
    if (options_.curriculum) out["step_samples"] = step_samples();
    return out;
  }

  Status restore(const Json& state, ResumeMode) override {
    require(!workers_, "[window_loader] restore after the first batch");
    const Json mine = this->state();
    for (const char* key : {"loader", "seed", "begin", "end"}) {
      const Json* value = state.find(key);
      if (value == nullptr || *value != mine.at(key))
        return error("the saved position is of other data: \"", key, "\" was ",
                     value == nullptr ? "missing" : value->dump(), ", is ", mine.at(key).dump());
    }
    if (options_.curriculum) {
      const int64_t then = state.get_int("step_samples", -1);
      if (then >= 0 && then != step_samples())
        return error("a step of the curriculum had ", then, " samples, now has ", step_samples(),
                     "; give the batch size and accumulation that the run was started with");
    }
    LATHE_TRY(const int64_t sample, read_number(state, "sample"));
    if (sample < 0) return error("the saved position is sample ", sample);
    done_ = sample;
    return {};
  }

  void pause() override {
    if (!options_.persistent_workers) workers_.reset();
  }

 private:
  void start() {
    next_ = done_ + options_.rank * options_.rows;
    workers_ = std::make_unique<OrderedWorkers<Job>>(
        options_.workers, options_.prefetch_factor,
        [this](Job& job) -> Result<bool> {
          job.first = next_;
          next_ += options_.rows * options_.world;
          return true;
        },
        [this](Job& job) -> Status {
          job.batch.resize(options_.rows, length_at(job.first));
          for (int64_t row = 0; row < options_.rows; ++row)
            copy_window(stream_, range_, options_.seed, "training windows", job.first + row, options_.block_size, row,
                        job.ids, job.batch);
          return {};
        });
  }

  int64_t length_at(int64_t sample) const {
    if (!options_.curriculum) return options_.block_size;
    return options_.curriculum->length(sample / step_samples());
  }

  int64_t step_samples() const { return options_.rows * options_.world * options_.accumulation; }

  TokenStream stream_;
  TokenRange range_;
  WindowLoaderOptions options_;
  int64_t done_ = 0;                              // global samples handed out
  int64_t next_ = 0;                              // first sample of this rank's next batch; the producing worker's
  std::unique_ptr<OrderedWorkers<Job>> workers_;  // last, so that it ends first
};

}  // namespace

Result<WindowSplit> split_windows(int64_t tokens, double val_fraction, int64_t block_size) {
  if (!(val_fraction >= 0 && val_fraction < 1))
    return error_at("val_fraction", -1, "must be at least 0 and below 1, is ", val_fraction);
  if (block_size < 1) return error_at("block_size", -1, "must be at least 1, is ", block_size);
  const auto validation = static_cast<int64_t>(std::llround(static_cast<double>(tokens) * val_fraction));
  const WindowSplit split = {{0, tokens - validation}, {tokens - validation, tokens}};
  if (split.train.size() <= block_size)
    return error_at("data_path", -1, "the training part has ", split.train.size(),
                    " tokens, a window needs block_size + 1 = ", block_size + 1,
                    "; give more text or a smaller --block_size");
  if (val_fraction > 0 && split.validation.size() <= block_size)
    return error_at("val_fraction", -1, "the validation part has ", split.validation.size(),
                    " tokens, a window needs block_size + 1 = ", block_size + 1,
                    "; raise val_fraction, give more text, or 0 to go without validation");
  return split;
}

std::unique_ptr<WindowLoader> window_loader(TokenStream stream, TokenRange range, const WindowLoaderOptions& options) {
  return std::make_unique<Loader>(std::move(stream), range, options);
}

void eval_windows(const TokenStream& stream, TokenRange range, EvalSplit split, uint64_t seed, int64_t batch_index,
                  int64_t rows, int64_t block_size, TokenBatch& batch) {
  check_range(stream, range, block_size);
  batch.resize(rows, block_size);
  std::vector<int32_t> ids;
  for (int64_t row = 0; row < rows; ++row)
    copy_window(stream, range, seed,
                split == EvalSplit::kTrain ? "evaluation windows, train" : "evaluation windows, validation",
                batch_index * rows + row, block_size, row, ids, batch);
}

}  // namespace lathe::data
