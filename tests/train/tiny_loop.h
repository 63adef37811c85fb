// A training loop over made-up batches: a model of two narrow blocks, the chat family's optimizer, and a loader whose
// rows depend on their global number alone, so that the same rows can come in batches of any size.
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "tests/train/tiny_run.h"
#include "train/language_objective.h"
#include "train/loop.h"

namespace lathe::testing {

inline constexpr int64_t kTinyVocab = 64, kTinyLength = 16;

class NumberedRows : public data::TokenLoader {
 public:
  explicit NumberedRows(int64_t rows) : rows_(rows) {}
  // Of row `number` the first `valid` targets count; default: all.
  std::function<int64_t(int64_t number)> valid_targets;
  FakeClock* clock = nullptr;  // advanced by a second a batch
  double seconds_per_batch = 1;

  Status next(data::TokenBatch& batch) override {
    batch.resize(rows_, kTinyLength);
    for (int64_t r = 0; r < rows_; ++r) {
      const int64_t number = position_ * rows_ + r;
      std::mt19937 random(static_cast<uint32_t>(number));
      const int64_t valid = valid_targets ? valid_targets(number) : kTinyLength;
      int32_t token = static_cast<int32_t>(random() % kTinyVocab);
      for (int64_t t = 0; t < kTinyLength; ++t) {
        const size_t at = static_cast<size_t>(r * kTinyLength + t);
        batch.inputs()[at] = token;
        token = static_cast<int32_t>((token * 5 + static_cast<int32_t>(random() % 3)) % kTinyVocab);
        batch.targets()[at] = t < valid ? token : data::kIgnoredTarget;
      }
    }
    ++position_;
    if (clock) clock->advance(seconds_per_batch);
    return {};
  }
  Json state() const override {
    Json out = Json::object();
    out["position"] = position_;
    return out;
  }
  Status restore(const Json& state, data::ResumeMode) override {
    position_ = state.get_int("position", -1);
    return position_ < 0 ? Status(error("no position")) : Status();
  }

 private:
  int64_t rows_, position_ = 0;
};

// Everything a loop needs. Hooks and settings are changed before start().
struct TinyLoop {
  explicit TinyLoop(std::filesystem::path folder, DType dtype = DType::kFloat32, int64_t rows = 2)
      : run(std::move(folder)), model(tiny_config(kTinyVocab, kTinyLength), dtype, Device::kCpu, true), loader(rows) {
    set_num_threads(1);  // in so narrow a model more threads only wait for each other
    model.initialise(7);
    optim::ChatRates rates;
    rates.weight_decay = 0.1;
    optimizer = std::make_unique<optim::Optimizer>(optim::chat_groups(model.parameters(), model.config().n_embd, rates, optim::ChatRules::kSeed));
    settings.num_iterations = 6;
    options.batch = rows;
    options.sequence_len = kTinyLength;
    settings.flops_per_token = 1000;
    hooks.schedule = [](optim::Optimizer& o, int64_t step, double) {
      const double multiplier = 1.0 / static_cast<double>(step + 1);
      o.set_lr_multiplier(multiplier);
      o.set_muon(0.85 + 0.01 * static_cast<double>(step), 0.1);
      return multiplier;
    };
    hooks.print = [this](const std::string& line) { lines.push_back(line); };
    hooks.log = [this](int64_t step, const Json& values) -> Status {
      Json of_training = Json::object(), of_machine = Json::object();
      for (const auto& [key, value] : values.as_object()) {
        const bool measured = key.starts_with("system/") || key.starts_with("performance/") || key == "train/waiting_share";
        (measured ? of_machine : of_training)[key] = value;
      }
      if (!values.contains("performance/steps")) logged.emplace_back(step, of_training);
      if (of_machine.size() > 0) measured.emplace_back(step, of_machine);
      return {};
    };
    meta.tokenizer_hash = std::string(64, 'a');
    meta.user_config = Json::object();
    meta.model_config = model.config().to_json();
    loader.clock = &clock;
    clock.advance(5);
  }
  // Validation and samples that take so many seconds of the clock.
  void take_time_apart(double validation, double sample) {
    hooks.validate = [this, validation](int64_t) -> Result<double> {
      clock.advance(validation);
      return 1.0;
    };
    hooks.sample = [this, sample](int64_t) -> Status {
      clock.advance(sample);
      return {};
    };
  }
  void start() { start_on(loader); }
  void start_on(data::TokenLoader& batches, std::function<train::StageProgress()> progress = {}) {
    objective.emplace(model, batches, options, std::move(progress));
    loop.emplace(settings, hooks, train::LoopParts{*objective, *optimizer, weights, *world, meta, run}, clock);
  }
  // Resumes where the settings say so, and runs to the end.
  train::LoopResult finish(const std::function<bool()>& stop = {}) {
    start();
    if (settings.resume_from_step >= 0) check(loop->resume());
    return take(loop->run(stop));
  }
  std::filesystem::path step_folder(int64_t step) const { return train::checkpoint_folder(run, step); }

  std::filesystem::path run;
  FakeClock clock;
  model::Transformer model;
  std::unique_ptr<optim::Optimizer> optimizer;
  NumberedRows loader;
  std::unique_ptr<dist::Communicator> world = dist::single_process();
  train::ModelWeights weights{model};
  train::LanguageOptions options;
  std::optional<train::LanguageObjective> objective;
  train::LoopSettings settings;
  train::LoopHooks hooks;
  train::CheckpointMeta meta;
  std::vector<std::string> lines;
  std::vector<std::pair<int64_t, Json>> logged;    // what does not depend on machine and interruptions
  std::vector<std::pair<int64_t, Json>> measured;  // the rest
  std::optional<train::Loop> loop;
};

inline void fill(autograd::Parameter& parameter, float value) {
  for (float& x : parameter.value.span<float>()) x = value;
}

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace lathe::testing
