#include "bench/data_bench.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/pack_bench.h"
#include "bench/sentence_mix.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "corpus/clean.h"
#include "corpus/duplicates.h"
#include "corpus/language.h"
#include "corpus/quality.h"
#include "corpus/signature_file.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::bench {
namespace {

constexpr int64_t kWaveBytes = 16 << 20;  // of documents that are in memory at a time
constexpr size_t kBlock = 32;             // documents of one task
constexpr int64_t kBaseBytes = int64_t{128} << 20;
constexpr int64_t kPackBytes = 100'000'000, kTrainBytes = 16'000'000, kVocabulary = 8192;

double now() { return Clock::real().seconds(); }

// Seconds of all threads, by step.
struct Steps {
  std::vector<const char*> names;
  std::vector<double> seconds;

  explicit Steps(std::vector<const char*> steps) : names(std::move(steps)), seconds(names.size()) {}
  void add(const std::vector<double>& more) {
    for (size_t i = 0; i < seconds.size(); ++i) seconds[i] += more[i];
  }
  double total() const {
    double sum = 0;
    for (const double part : seconds) sum += part;
    return sum;
  }
  size_t slowest() const {
    return static_cast<size_t>(std::max_element(seconds.begin(), seconds.end()) - seconds.begin());
  }
  Json shares() const {
    Json out = Json::object();
    for (size_t i = 0; i < names.size(); ++i) out[names[i]] = seconds[i] / total();
    return out;
  }
  // The rate if the slowest step were all.
  Json limit(double rate) const {
    Json out = Json::object();
    out["step"] = names[slowest()];
    out["mb_per_s"] = rate * total() / seconds[slowest()];
    return out;
  }
};

// Adds the time since the last call to a step.
class Lap {
 public:
  explicit Lap(size_t steps) : seconds_(steps) {}
  void start() { last_ = now(); }
  void end(size_t step) {
    const double time = now();
    seconds_[step] += time - last_;
    last_ = time;
  }
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  std::vector<double> seconds_;
  double last_ = 0;
};

// What one thread keeps.
struct Worker {
  corpus::CleanScratch clean;
  corpus::CleanCounts clean_counts;
  corpus::QualityScratch quality;
  corpus::QualityCounts quality_counts;
  int64_t kept = 0, foreign = 0;
};

class DataBench {
 public:
  DataBench(const DataBenchOptions& options, std::string base, corpus::QualityFilter filter,
            corpus::SignatureWriter writer)
      : options_(options),
        base_bytes_(std::ssize(base)),
        mix_(std::move(base), options.seed),
        filter_(std::move(filter)),
        writer_(std::move(writer)),
        workers_(static_cast<size_t>(num_threads())) {}

  Status run_waves() {
    while (raw_bytes_ < options_.bytes) {
      make_wave();
      const double start = now();
      clean_wave();
      const double middle = now();
      LATHE_TRY_STATUS(sign_wave());
      clean_seconds_ += middle - start;
      dedup_seconds_ += now() - middle;
    }
    return {};
  }

  Result<Json> finish(const fs::path& folder, const fs::path& signatures) {
    const double start = now();
    LATHE_TRY(const int64_t documents, writer_.commit());
    corpus::DuplicateSettings settings;
    settings.folder = folder;
    LATHE_TRY(const corpus::Duplicates duplicates, corpus::find_duplicates({{"all", {signatures}}}, settings));
    const double search = now() - start;
    dedup_steps_.add({0, search * static_cast<double>(workers_.size())});
    dedup_seconds_ += search;

    int64_t kept = 0;
    for (const Worker& worker : workers_) kept += worker.kept;
    Json out = Json::object();
    const auto rate = [&](int64_t bytes, double seconds) { return static_cast<double>(bytes) / 1e6 / seconds; };
    const double clean_rate = rate(raw_bytes_, clean_seconds_), dedup_rate = rate(clean_bytes_, dedup_seconds_);
    out["clean_mb_per_s"] = clean_rate;
    out["clean_steps"] = clean_steps_.shares();
    out["clean_limit"] = clean_steps_.limit(clean_rate);
    out["dedup_mb_per_s"] = dedup_rate;
    out["dedup_steps"] = dedup_steps_.shares();
    out["dedup_limit"] = dedup_steps_.limit(dedup_rate);
    out["bytes"] = raw_bytes_;
    out["documents"] = documents;
    out["kept"] = static_cast<double>(kept) / static_cast<double>(documents);
    out["exact"] = duplicates.report.exact;
    out["near"] = duplicates.report.near;
    out["threads"] = num_threads();
    out["base_text_mb"] = static_cast<double>(base_bytes_) / 1e6;
    return out;
  }

 private:
  void make_wave() {
    size_t count = 0;
    for (int64_t bytes = 0; bytes < kWaveBytes && raw_bytes_ < options_.bytes; ++count) {
      if (count == raw_.size()) raw_.emplace_back();
      mix_.next(raw_[count]);
      bytes += std::ssize(raw_[count]);
      raw_bytes_ += std::ssize(raw_[count]);
    }
    raw_.resize(count);
    cleaned_.resize(count);
  }

  // body(worker, first, end) over blocks of documents, on all threads.
  template <class Body>
  void each_block(Body&& body) {
    std::atomic<size_t> next = 0;
    const auto work = [&](Worker& worker) {
      for (size_t begin = next.fetch_add(kBlock); begin < raw_.size(); begin = next.fetch_add(kBlock))
        body(worker, begin, std::min(begin + kBlock, raw_.size()));
    };
    std::vector<std::thread> threads;
    for (size_t i = 1; i < workers_.size(); ++i) threads.emplace_back(work, std::ref(workers_[i]));
    work(workers_[0]);
    for (std::thread& thread : threads) thread.join();
  }

  void add_steps(Steps& steps, const Lap& lap) {
    const std::lock_guard lock(mutex_);
    steps.add(lap.seconds());
  }

  void clean_wave() {
    each_block([&](Worker& worker, size_t begin, size_t end) {
      Lap lap(3);
      lap.start();
      for (size_t i = begin; i < end; ++i) {
        cleaned_[i].assign(corpus::clean(raw_[i], clean_settings_, worker.clean, worker.clean_counts).text);
        lap.end(0);
        const bool english = corpus::english_probability(cleaned_[i]) >= language_settings_.min_english;
        lap.end(1);
        if (!english) {
          ++worker.foreign;
          continue;
        }
        worker.kept += filter_.check(cleaned_[i], worker.quality, worker.quality_counts).kept();
        lap.end(2);
      }
      add_steps(clean_steps_, lap);
    });
    for (const std::string& text : cleaned_) clean_bytes_ += std::ssize(text);
  }

  Status sign_wave() {
    Status failed;
    each_block([&](Worker&, size_t begin, size_t end) {
      Lap lap(2);
      lap.start();
      corpus::SignatureBlock block(hasher_);
      for (size_t i = begin; i < end; ++i) block.add(first_document_ + i, cleaned_[i]);
      const Status written =
          writer_.write_block(first_block_ + static_cast<int64_t>(begin / kBlock), std::move(block));
      lap.end(0);
      add_steps(dedup_steps_, lap);
      if (written.ok()) return;
      const std::lock_guard lock(mutex_);
      failed = written;
    });
    first_document_ += raw_.size();
    first_block_ += static_cast<int64_t>((raw_.size() + kBlock - 1) / kBlock);
    return failed;
  }

  const DataBenchOptions& options_;
  const int64_t base_bytes_;
  SentenceMix mix_;
  const corpus::CleanSettings clean_settings_;
  const corpus::LanguageSettings language_settings_;
  const corpus::QualityFilter filter_;
  const corpus::MinHasher hasher_;
  corpus::SignatureWriter writer_;
  std::vector<Worker> workers_;
  std::mutex mutex_;
  std::vector<std::string> raw_, cleaned_;
  uint64_t first_document_ = 0;
  int64_t first_block_ = 0, raw_bytes_ = 0, clean_bytes_ = 0;
  double clean_seconds_ = 0, dedup_seconds_ = 0;
  Steps clean_steps_{{"clean", "language", "quality"}}, dedup_steps_{{"sign", "search"}};
};

// Packs text of the mix, as a file of records that a corpus would be.
Result<Json> pack_some(SentenceMix mix, int64_t bytes, const fs::path& folder) {
  const fs::path records = folder / "text.jsonl";
  std::vector<std::string> sample;
  {
    LATHE_TRY(AtomicFileWriter file, AtomicFileWriter::open(records));
    std::string document;
    Json record = Json::object();
    for (int64_t written = 0; written < std::min(bytes, kPackBytes); written += std::ssize(document)) {
      mix.next(document);
      if (written < kTrainBytes) sample.push_back(document);
      record["text"] = document;
      LATHE_TRY_STATUS(file.write(record.dump() + "\n"));
    }
    LATHE_TRY_STATUS(file.commit());
  }
  tokenizer::TrainSettings settings;
  settings.vocab_size = kVocabulary;
  LATHE_TRY(const tokenizer::TrainResult trained, tokenizer::train_bpe(settings, [&](std::vector<std::string>& documents) {
    documents.swap(sample);
    sample.clear();
    return Status();
  }));
  return bench_pack(records, trained.tokenizer, folder, num_threads());
}

}  // namespace

Result<Json> bench_data(const DataBenchOptions& options) {
  if (options.bytes < 1) return error("the size must be at least 1 byte");
  LATHE_TRY(std::string base, read_base_text(options.text, std::min(options.bytes, kBaseBytes), options.seed));
  corpus::QualitySettings settings;
  settings.presets = {"basic", "gopher", "c4", "fineweb"};
  LATHE_TRY(corpus::QualityFilter filter, corpus::QualityFilter::make(settings));
  const TemporaryFolder scratch("lathe-bench");
  const fs::path signatures = scratch.path() / "all.sig";
  LATHE_TRY(corpus::SignatureWriter writer, corpus::SignatureWriter::open(signatures, {}));
  const SentenceMix mix(base, options.seed);
  DataBench bench(options, std::move(base), std::move(filter), std::move(writer));
  LATHE_TRY_STATUS(bench.run_waves());
  LATHE_TRY(Json out, bench.finish(scratch.path(), signatures));
  LATHE_TRY(const Json packing, pack_some(mix, options.bytes, scratch.path()));
  for (const auto& [name, figure] : packing.as_object())
    if (!out.contains(name)) out[name] = figure;
  out["peak_rss_mb"] = peak_rss_mb();
  return out;
}

}  // namespace lathe::bench
