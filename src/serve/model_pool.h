// The models of a server, by name: loaded when first asked for, at most so many at a time; the one idle for longest goes first.
// A base model and the adapters that rest on it are several names of one loaded model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "infer/chat_format.h"
#include "infer/grammar.h"
#include "serve/model_worker.h"

namespace lathe::serve {

// Of requests that do not say (rows L-10.5, C-11.19): from the server's flags, else the model's record.
struct GenerationDefaults {
  infer::SamplingOptions sampling;
  int64_t max_tokens = 512;
};

// One loaded model. Any thread, but what the worker says of itself.
struct ServedModel {
  std::string name;
  tokenizer::Tokenizer tokenizer;
  std::optional<infer::ChatFormat> format{};  // none: a base model without a template; chat is then refused with its reason
  std::unique_ptr<infer::GrammarCompiler> grammars{};
  GenerationDefaults defaults{};
  int64_t context_limit = 0, vocab_size = 0;
  std::string device = "cpu";
  Json about{};                       // stage, step, hashes of weights, tokenizer and adapters: for /v1/models
  double load_seconds = 0;            // that reading it took
  std::shared_ptr<void> keep{};       // what the engine's model rests on (weights, adapters)
  std::unique_ptr<ModelWorker> worker{};  // last: it stops before the rest goes
};

// What a name of a request stands for.
struct ModelTarget {
  std::shared_ptr<ServedModel> model;
  int32_t adapter = -1;
};

struct ModelEntry {
  std::string name;    // as requests write it
  std::string base;    // of an adapter: the name of the entry it rests on; empty: a model of its own
  int32_t adapter = -1;
  int64_t created = 0; // seconds since 1970
  // Of entries without a base: reads files, takes memory; called on the pool's own thread, one at a time.
  std::function<Result<std::shared_ptr<ServedModel>>()> load;
};

struct PoolState {
  bool ready = false;  // at least the first model is loaded
  struct Model {
    std::string name;
    ModelWorkerState worker;
    std::string device;
    Json about;
  };
  std::vector<Model> models;  // loaded ones
};

// Any thread.
class ModelPool {
 public:
  explicit ModelPool(int64_t most_loaded = 1);
  ~ModelPool();  // stop()

  // Once, before find(). The first entry is what requests without a model get, and is loaded at once.
  void set_entries(std::vector<ModelEntry> entries);
  std::vector<ModelEntry> entries() const;  // without load

  // Why a name was not found: kUnknown -> 404, kUnavailable -> 503.
  enum class Failure { kUnknown, kUnavailable };
  struct Lookup {
    ModelTarget target;  // model is null on failure
    Failure failure = Failure::kUnknown;
    std::string message;
  };
  // Calls back at once when the model is loaded, or unknown; else from the pool's thread when it is there. A loaded model that is
  // in use (target held, or its worker busy) is never thrown out; while no place is free the answer is kUnavailable.
  void find(std::string_view name, std::function<void(Lookup)> found);
  PoolState state() const;
  void stop(std::string_view why = "the server is stopping");

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lathe::serve
