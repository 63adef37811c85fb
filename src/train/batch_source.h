// Where a stage's micro batches come from. Each stage adapts its loader to this.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/json.h"
#include "core/result.h"

namespace lathe::train {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Fills one micro batch of B*T ids and targets (< 0: ignored). False when the data of this run has ended.
  virtual Result<bool> next(std::span<int32_t> ids, std::span<int32_t> targets) = 0;
  // The exact position after the batches handed out so far; restore() makes the next batch the one that followed.
  virtual Json state() const = 0;
  virtual Status restore(const Json& state) = 0;
  // For error messages: "shard_00003.parquet, row group 12".
  virtual std::string position_text() const = 0;
  virtual int64_t epoch() const = 0;
  // Share of the data that has been used, for stages that end with it; < 0 when the source is endless.
  virtual double progress() const { return -1; }
};

}  // namespace lathe::train
