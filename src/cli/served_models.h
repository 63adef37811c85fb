// What `lathe serve` serves, from its flags: models, adapters on the first of them, the engine of each (rows L-10.1, L-10.2, L-10.5).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/model_choice.h"
#include "serve/model_pool.h"
#include "train/chat_record.h"

namespace lathe::cli {

// Read by the pool's thread while it loads: outlives the pool and is not changed once there are entries.
class ServedModels {
 public:
  ServedModels();
  void describe(SettingsTable& table);
  int64_t max_models() const { return max_models_; }
  // Defaults of requests where neither a flag nor the model's record says something.
  ModelChoice& choice() { return choice_; }
  // Half of the queue is for other clients: for servers that can tell them apart. Before entries().
  void share_queue(bool on) { share_queue_ = on; }

  // Loads the first model, whose tokenizer is thereby checked by its hash before any port opens, and looks at the other paths. Errors
  // name the flag.
  Result<std::vector<serve::ModelEntry>> entries(const Context& context);

 private:
  struct Named {
    std::string name;
    fs::path path;
  };
  Status check() const;
  static Result<std::vector<Named>> named(const char* flag, const std::vector<std::string>& values);
  Result<train::LoadedModel> load_at(const fs::path& path) const;
  Result<std::shared_ptr<serve::ServedModel>> serve(std::string name, train::LoadedModel loaded, const std::vector<Named>& adapters, bool is_first, double begin) const;
  serve::GenerationDefaults defaults_of(const train::ChatRecord& record) const;

  ModelChoice choice_;
  std::string path_, tokenizer_dir_, template_, draft_model_, kv_cache_ = "full", kv_memory_;
  std::vector<std::string> models_, adapters_;
  bool share_queue_ = false;
  int64_t max_models_ = 1, max_rows_ = 32, token_budget_ = 512, max_waiting_ = 64, draft_tokens_ = 0;
  bool prefix_cache_ = true;
  // Taken from the context by entries().
  DType dtype_ = DType::kBFloat16;
  std::string device_ = "cpu";
  bool temperature_given_ = false, top_k_given_ = false, top_p_given_ = false, penalty_given_ = false, max_tokens_given_ = false;
};

}  // namespace lathe::cli
