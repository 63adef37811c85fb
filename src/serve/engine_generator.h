// The Generator over the inference engine.
#pragma once

#include <memory>

#include "infer/engine.h"
#include "serve/generator.h"

namespace lathe::serve {

class EngineGenerator : public Generator {
 public:
  // The engine must outlive it and be used by nobody else. Error: a tokenizer without chat markers.
  static Result<std::unique_ptr<EngineGenerator>> make(infer::Engine& engine, std::string device);

  std::string device() const override { return device_; }
  Status check(const GenerationRequest& request) const override;
  Status generate(const GenerationRequest& request, const std::function<void(std::string_view)>& on_text,
                  const std::function<bool()>& is_cancelled) override;

 private:
  EngineGenerator(infer::Engine& engine, infer::ChatTokens tokens, std::string device)
      : engine_(engine), tokens_(tokens), device_(std::move(device)), context_limit_(engine.model().context_limit()) {}

  infer::Engine& engine_;
  infer::ChatTokens tokens_;
  std::string device_;
  int64_t context_limit_;
};

}  // namespace lathe::serve
