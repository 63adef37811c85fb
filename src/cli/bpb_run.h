// Bits per byte of a model on the two splits of a corpus (rows C-7.1 to C-7.5): the work of `lathe eval bpb`, `eval base` and the
// alias base_loss.
#pragma once

#include "cli/base_results.h"

namespace lathe::cli {

struct BpbRun {
  std::string data, split = "both", bytes = "auto";
  int64_t split_tokens = 40 * 524288, rows = 32;
  int digits = 6;

  // The settings data, split, split_tokens, device_batch_size and bpb.
  void describe(SettingsTable& table);
  // Adds train_bpb, val_bpb, tokens and tok_per_s to the figures; kInterrupted after a signal. StopSignals must live.
  Result<Exit> run(Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded, const BaseResults& results,
                   Json& figures) const;
};

}  // namespace lathe::cli
