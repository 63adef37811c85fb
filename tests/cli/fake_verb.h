// A verb for tests: a few settings of every kind, and what run() saw.
#pragma once

#include <functional>
#include <sstream>

#include "cli/run.h"

namespace lathe::cli {

class FakeVerb : public Verb {
 public:
  explicit FakeVerb(std::string name = "train") : name_(std::move(name)) {}
  VerbInfo info() const override { return {name_, "train", "trains nothing", "lathe " + name_ + " --depth 4", "[FILE]", 1}; }
  void describe(SettingsTable& table) override {
    table.group("model");
    table.add("depth", &depth, "layers").short_flag = 'd';
    table.add("window_pattern", &window_pattern, "S and L, tiled over the layers");
    table.group("data");
    table.add("data_dirs", &data_dirs, "folders");
    table.add("data_weights", &data_weights, "their shares");
    table.group("run");
    table.add("temperature", &temperature, "of samples");
    table.add("use_cache", &use_cache, "keep what was read");
    for (int i = 0; i < extra_settings; ++i) {
      table.group("extra " + std::to_string(i / 10));
      table.add("extra_setting_" + std::to_string(i), &unused, "one of many settings of a large verb, with a long explanation of what it is for");
    }
  }
  std::string default_config() const override { return usual_config; }
  Result<Exit> run(Context& context) override {
    ++runs;
    settings = context.settings();
    operands = context.operands();
    program = context.program();
    if (body) return body(context);
    return Exit::kDone;
  }

  int64_t depth = 20, unused = 0;
  std::string window_pattern = "SSSL", usual_config;
  std::vector<std::string> data_dirs;
  std::vector<double> data_weights;
  double temperature = 0.8;
  bool use_cache = true;
  int extra_settings = 0;

  int runs = 0;
  Json settings;
  std::vector<std::string> operands;
  std::string program;
  std::function<Result<Exit>(Context&)> body;

 private:
  std::string name_;
};

// One fake verb behind the real runner; each run starts from the verb's defaults.
struct Bench {
  explicit Bench(std::string name = "train") : verb_name(std::move(name)) { reset(); }
  void reset() {
    verbs.clear();
    auto made = std::make_unique<FakeVerb>(verb_name);
    verb = made.get();
    verbs.push_back(std::move(made));
    out.str("");
    err.str("");
  }
  Exit operator()(std::vector<std::string> words) { return run_words(verbs, std::move(words), out, err); }

  std::string verb_name;
  VerbList verbs;
  FakeVerb* verb = nullptr;
  std::ostringstream out, err;
};

}  // namespace lathe::cli
