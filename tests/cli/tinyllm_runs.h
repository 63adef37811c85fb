// Runs of the small trainer in this process, each a fraction of a second, and what can be compared of them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/rng.h"
#include "core/text.h"
#include "tensor/safetensors.h"
#include "tests/cli/real_verbs.h"

namespace lathe::cli {

namespace fs = std::filesystem;

// Empty where there is none.
inline std::string text_of(const fs::path& path) {
  const Result<std::string> text = read_file(path);
  return text.ok() ? text.value() : "";
}

struct TinyRun {
  Outcome outcome;
  fs::path folder;
  int64_t step = 0;

  bool ok() const { return outcome.exit == Exit::kDone; }
  std::string bytes(const std::string& file) const { return text_of(folder / ("step_" + std::to_string(step)) / file); }
  std::string weights() const { return bytes("model.safetensors"); }
  std::string average() const { return bytes("ema.safetensors"); }
  Json meta() const { return testing::take(parse_json(bytes("meta.json"))); }
  std::vector<Json> metrics() const {
    std::vector<Json> lines;
    for (const std::string& line : split_text(trim_text(text_of(folder / "metrics.jsonl")), '\n'))
      if (!line.empty()) lines.push_back(testing::take(parse_json(line)));
    return lines;
  }
  // All values of one figure, in order.
  std::vector<double> figures(const std::string& name) const {
    std::vector<double> out;
    for (const Json& line : metrics())
      if (const Json* value = line.find(name)) out.push_back(value->as_double());
    return out;
  }
  // Texts between "--- sample" and "---".
  std::vector<std::string> samples() const {
    std::vector<std::string> out;
    const std::string& text = outcome.out;
    for (size_t at = 0; (at = text.find("--- sample\n", at)) != std::string::npos;) {
      at += 11;
      const size_t end = text.find("\n---\n", at);
      out.push_back(text.substr(at, end - at));
      at = end;
    }
    return out;
  }
  int64_t count(const std::string& words) const {
    int64_t n = 0;
    for (size_t at = 0; (at = outcome.out.find(words, at)) != std::string::npos; ++at) ++n;
    return n;
  }
  std::vector<int64_t> saved_steps() const {
    std::vector<int64_t> steps;
    for (const auto& entry : fs::directory_iterator(folder))
      if (const std::string name = entry.path().filename().string(); name.starts_with("step_")) steps.push_back(std::stoll(name.substr(5)));
    std::sort(steps.begin(), steps.end());
    return steps;
  }
};

using Flags = std::map<std::string, std::string>;

class TinyRuns : public ::testing::Test {
 protected:
  static fs::path root() { return fs::path(::testing::TempDir()) / ("tinyllm_runs_" + std::to_string(getpid())); }
  static void SetUpTestSuite() {
    fs::create_directories(root());
    Rng rng(3, "book");
    std::ofstream book(root() / "book.txt");
    for (int line = 0; line < 300; ++line) {
      for (int word = 0; word < 9; ++word) book << static_cast<char>('a' + rng.below(6)) << static_cast<char>('a' + rng.below(6)) << ' ';
      book << '\n';
    }
  }
  static void TearDownTestSuite() { fs::remove_all(root()); }

  static Flags base_flags() {
    return {{"data_path", (root() / "book.txt").string()}, {"n_layer", "2"}, {"n_head", "2"}, {"n_embd", "16"}, {"block_size", "16"}, {"batch_size", "4"},
            {"eval_iters", "2"}, {"eval_interval", "0"}, {"sample_interval", "0"}, {"sample_chars", "20"}, {"threads", "1"}, {"log_interval", "1"},
            {"lr_warmup_steps", "2"}, {"max_steps", "6"}, {"learning_rate", "1e-2"}, {"lr_min", "1e-3"}, {"dropout", "0"}, {"amp", "false"}};
  }
  // Trains with the base's flags and these; equal flags give the run that was made.
  static const TinyRun& train(const Flags& changes = {}) {
    static std::map<Flags, TinyRun> made;
    Flags flags = base_flags();
    for (const auto& [key, value] : changes) flags[key] = value;
    const auto [at, is_new] = made.try_emplace(flags);
    if (is_new) at->second = run(flags, root() / ("run_" + std::to_string(made.size())));
    return at->second;
  }
  static TinyRun run(const Flags& flags, const fs::path& folder, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"train_tinyllm", "--out_dir", folder.string()};
    for (const auto& [key, value] : flags) words.push_back("--" + key + "=" + value);
    words.insert(words.end(), more.begin(), more.end());
    TinyRun out{run_lathe(words), folder, std::stoll(flags.at("max_steps"))};
    EXPECT_TRUE(out.ok()) << out.outcome.err;
    return out;
  }
  static Flags with(Flags flags, const std::string& key, const std::string& value) {
    flags[key] = value;
    return flags;
  }
  // What the parameter changes and what it leaves, beside a run with `context` alone.
  static void expect_other_weights(const std::string& key, const std::string& value, const Flags& context = {}) {
    EXPECT_NE(train(with(context, key, value)).weights(), train(context).weights()) << key;
  }
  static void expect_same_weights(const std::string& key, const std::string& value, const Flags& context = {}) {
    EXPECT_EQ(train(with(context, key, value)).weights(), train(context).weights()) << key;
  }
  static void expect_other_samples(const std::string& key, const std::string& value, Flags context = {}) {
    context["sample_interval"] = "6", context.try_emplace("sample_chars", "60");
    expect_same_weights(key, value, context);
    EXPECT_NE(train(with(context, key, value)).samples(), train(context).samples()) << key;
    EXPECT_EQ(train(context).samples().size(), 1u);
  }
};

}  // namespace lathe::cli
