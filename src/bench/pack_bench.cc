#include "bench/pack_bench.h"

#include <algorithm>

#include "core/clock.h"
#include "data/packed_folder.h"
#include "data/packed_loader.h"
#include "data/packed_manifest.h"
#include "data/packer.h"

namespace lathe::bench {
namespace {

constexpr int64_t kRows = 8;
constexpr int64_t kBatches = 200;

// A folder that is gone at the end, on the disk that the caller chose.
class Scratch {
 public:
  static Result<Scratch> create(const fs::path& parent) {
    Scratch scratch;
    scratch.path_ = parent / join_text(".pack-bench-", static_cast<int64_t>(Clock::real().seconds() * 1e6));
    LATHE_TRY_STATUS(make_folders(scratch.path_));
    return scratch;
  }
  Scratch(Scratch&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code code;
    if (!path_.empty()) fs::remove_all(path_, code);
  }
  const fs::path& path() const { return path_; }

 private:
  Scratch() = default;
  fs::path path_;
};

}  // namespace

Result<Json> bench_pack(const fs::path& text, const tokenizer::Tokenizer& tokenizer, const fs::path& scratch,
                        int64_t workers) {
  const auto now = [] { return Clock::real().seconds(); };
  LATHE_TRY(const auto corpus, data::Corpus::open(text, data::SplitRule::kTrainOnly));
  LATHE_TRY(const Scratch folder, Scratch::create(scratch));
  data::PackSettings settings;
  settings.num_workers = workers;

  const double start = now();
  data::RecordReader reader(corpus->files(), text);
  LATHE_TRY(const data::PackReport report, data::pack(reader, tokenizer, tokenizer.hash(), settings, folder.path()));
  Manifest manifest;
  manifest.settings = data::deciding_settings(settings);
  LATHE_TRY_STATUS(
      data::write_packed_manifest(folder.path(), manifest, report, settings, tokenizer, tokenizer.hash(), 0));
  const double packed = now();
  LATHE_TRY(const data::PackedFolder set, data::PackedFolder::open(folder.path()));
  const double verified = now();

  data::PackedLoaderOptions options;
  options.rows = kRows;
  options.workers = 0;
  LATHE_TRY(const auto loader, data::packed_loader({set.split(data::Split::kTrain)}, {}, options));
  data::TokenBatch batch;
  LATHE_TRY_STATUS(loader->next(batch));
  const double loading = now();
  for (int64_t i = 0; i < kBatches; ++i) LATHE_TRY_STATUS(loader->next(batch));
  const double batch_seconds = std::max(1e-9, now() - loading) / kBatches;

  const data::SourceCounts total = report.total();
  const double megabytes = static_cast<double>(total.bytes) / 1e6;
  return Json(Json::Object{{"pack_mb_per_s", megabytes / std::max(1e-9, packed - start)},
                           {"pack_encode_mb_per_s", megabytes / std::max(1e-9, report.encode_seconds)},
                           {"pack_verify_s", verified - packed},
                           {"tokens", total.tokens},
                           {"documents", total.documents},
                           {"load_tok_per_s", static_cast<double>(kRows * settings.sequence_length) / batch_seconds},
                           {"load_ms_per_batch", 1e3 * batch_seconds}});
}

}  // namespace lathe::bench
