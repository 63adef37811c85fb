#include "data/packed_loader.h"

#include <algorithm>
#include <optional>

#include "core/check.h"
#include "data/loader_state.h"
#include "data/ordered_workers.h"

namespace lathe::data {
namespace {

using Sets = std::vector<std::shared_ptr<const SequenceSet>>;

// One micro batch of this rank: which one, and then its tokens.
struct Job {
  int64_t first = 0;  // global sample of its first row
  std::optional<MixedSampler> sampler;
  std::vector<int32_t> ids;
  std::vector<int32_t> starts;
  std::vector<uint8_t> trained;
  TokenBatch batch;
};

class Loader : public PackedLoader {
 public:
  Loader(Sets sets, MixedSampler sampler, const PackedLoaderOptions& options)
      : sets_(std::move(sets)), sampler_(std::move(sampler)), options_(options) {}

  Status next(TokenBatch& batch) override {
    if (!workers_) start();
    LATHE_TRY(Job * job, workers_->next());
    std::swap(batch, job->batch);
    done_ += options_.rows * options_.world;
    return {};
  }

  Json state() const override {
    Json sizes = Json::array(), shares = Json::array();
    const std::vector<int64_t> counts = sampler_.counts(done_);
    int64_t epoch = INT64_MAX;
    for (size_t i = 0; i < sets_.size(); ++i) {
      sizes.push_back(sets_[i]->size());
      shares.push_back(sampler_.shares()[i]);
      if (sampler_.shares()[i] > 0) epoch = std::min(epoch, counts[i] / sets_[i]->size());
    }
    return Json(Json::Object{{"loader", "mixed"},
                             {"sample", done_},
                             {"epoch", epoch + 1},
                             {"seed", static_cast<int64_t>(options_.seed)},
                             {"phase", static_cast<int64_t>(options_.phase)},
                             {"sizes", std::move(sizes)},
                             {"shares", std::move(shares)}});
  }

  Status restore(const Json& state, ResumeMode) override {
    require(!workers_, "[packed_loader] restore after the first batch");
    const Json mine = this->state();
    for (const char* key : {"loader", "seed", "phase", "sizes", "shares"}) {
      const Json* value = state.find(key);
      if (value == nullptr) return error("the saved position is not one of packed data (no \"", key, "\")");
      if (*value != mine.at(key))
        return error("the saved position is of other packed data: \"", key, "\" was ", value->dump(), ", is ",
                     mine.at(key).dump());
    }
    LATHE_TRY(const int64_t sample, read_number(state, "sample"));
    if (sample < 0) return error("the saved position is sample ", sample);
    done_ = sample;
    return {};
  }

  int64_t samples() const override { return done_; }
  std::vector<int64_t> counts() const override { return sampler_.counts(done_); }
  std::vector<std::pair<std::string, double>> mix() const override { return sampler_.mix(done_); }
  std::vector<std::string> mix_lines() const override { return sampler_.mix_lines(done_); }

 private:
  void start() {
    next_ = done_ + options_.rank * options_.rows;
    workers_ = std::make_unique<OrderedWorkers<Job>>(
        options_.workers, options_.ahead,
        [this](Job& job) -> Result<bool> {
          job.first = next_;
          next_ += options_.rows * options_.world;
          return true;
        },
        [this](Job& job) { return fill(job); });
  }

  Status fill(Job& job) const {
    const int64_t length = sets_.front()->sequence_length();
    if (!job.sampler) job.sampler = sampler_;
    job.batch.resize(options_.rows, length);
    job.batch.documents.resize(static_cast<size_t>(options_.documents ? options_.rows * length : 0));
    job.ids.resize(static_cast<size_t>(length) + 1);
    for (int64_t row = 0; row < options_.rows; ++row) {
      const MixedSample sample = job.sampler->at(job.first + row);
      const SequenceSet& set = *sets_[static_cast<size_t>(sample.source)];
      set.read(sample.index, job.ids);
      std::copy_n(job.ids.begin(), length, job.batch.inputs().begin() + row * length);
      const auto targets = job.batch.targets().begin() + row * length;
      std::copy_n(job.ids.begin() + 1, length, targets);
      std::fill_n(targets + (length - set.padding(sample.index)), set.padding(sample.index), kIgnoredTarget);
      job.trained.resize(static_cast<size_t>(length));
      if (set.trained(sample.index, job.trained))
        for (int64_t t = 0; t < length; ++t)
          if (!job.trained[static_cast<size_t>(t)]) targets[t] = kIgnoredTarget;
      if (options_.documents)
        number_documents(
            set, sample.index, job.starts,
            std::span(job.batch.documents).subspan(static_cast<size_t>(row * length), static_cast<size_t>(length)));
    }
    return {};
  }

  static void number_documents(const SequenceSet& set, int64_t index, std::vector<int32_t>& starts,
                               std::span<int32_t> out) {
    starts.clear();
    set.document_starts(index, starts);
    int32_t number = 0;
    auto start = starts.begin();
    if (start != starts.end() && *start == 0) ++start;
    for (size_t i = 0; i < out.size(); ++i) {
      if (start != starts.end() && *start == static_cast<int32_t>(i)) ++number, ++start;
      out[i] = number;
    }
  }

  Sets sets_;
  mutable MixedSampler sampler_;  // keeps the block in use; the caller's thread alone
  PackedLoaderOptions options_;
  int64_t done_ = 0;                              // global samples handed out
  int64_t next_ = 0;                              // first sample of this rank's next batch; the producing worker's
  std::unique_ptr<OrderedWorkers<Job>> workers_;  // last, so that it ends first
};

}  // namespace

Result<std::unique_ptr<PackedLoader>> packed_loader(Sets sets, const std::vector<double>& weights,
                                                    const PackedLoaderOptions& options) {
  require(options.rows > 0 && options.world > 0 && options.rank >= 0 && options.rank < options.world,
          "[packed_loader] ", options.rows, " rows, rank ", options.rank, " of ", options.world);
  std::vector<MixedSource> sources;
  for (const auto& set : sets) {
    if (set->sequence_length() != sets.front()->sequence_length())
      return error_at(set->name(), -1, "has sequences of ", set->sequence_length(), " tokens, ", sets.front()->name(),
                      " of ", sets.front()->sequence_length(),
                      "; pack one of them again (lathe pack --sequence-length)");
    sources.push_back({set->name(), set->size()});
  }
  LATHE_TRY(std::vector<double> shares, mix_shares(sources, weights));
  MixedSampler sampler(std::move(sources), std::move(shares), options.seed, options.phase);
  return std::unique_ptr<PackedLoader>(std::make_unique<Loader>(std::move(sets), std::move(sampler), options));
}

}  // namespace lathe::data
