#include "train/propose.h"

#include "core/text.h"

namespace lathe::train {
namespace {

constexpr int64_t kVocabulary = 32768, kFewestTokens = 2048, kMostRows = 32;

int64_t planned(const BaseSettings& settings, DType dtype) {
  const auto config = model_config(settings, kVocabulary);
  LATHE_CHECK(config.ok(), config.ok() ? "" : config.error().to_string());
  const model::Transformer model(config.value(), dtype, Device::kMeta);
  const auto horizon = base_horizon(settings, model, 1);
  LATHE_CHECK(horizon.ok(), horizon.ok() ? "" : horizon.error().to_string());
  return planned_bytes(plan_request(settings, config.value(), dtype, horizon.value()));
}

BaseSettings settings_of(int64_t depth) {
  BaseSettings s;
  s.depth = depth;
  s.head_dim = depth < 12 ? 64 : 128;
  s.max_seq_len = depth < 10 ? 512 : depth < 16 ? 1024 : 2048;
  return s;
}

}  // namespace

std::string Proposal::flags() const {
  return join_text("--depth ", settings.depth, " --head-dim ", settings.head_dim, " --max-seq-len ", settings.max_seq_len,
                   " --device-batch-size ", settings.device_batch_size);
}

std::vector<Proposal> propose(int64_t free_bytes, DType dtype) {
  std::vector<Proposal> out;
  for (const int percent : {50, 75, 95}) {
    const int64_t budget = free_bytes / 100 * percent;
    for (const int64_t depth : {20, 16, 12, 10, 8, 6, 4}) {
      Proposal proposal{percent, settings_of(depth), 0};
      BaseSettings& s = proposal.settings;
      int64_t rows = kMostRows;
      for (; rows >= 1 && rows * s.max_seq_len >= kFewestTokens; rows /= 2) {
        s.device_batch_size = rows;
        proposal.total_bytes = planned(s, dtype);
        if (proposal.total_bytes <= budget) break;
      }
      if (proposal.total_bytes > budget) continue;
      out.push_back(proposal);
      break;
    }
  }
  return out;
}

}  // namespace lathe::train
