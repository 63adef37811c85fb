// What bench/baseline.json held when this program was built: figures of known machines, by which a run that something
// disturbs is recognised. Written by the script bench/baseline; it travels inside the program, so an install has it too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/machine_limits.h"
#include "core/result.h"
#include "tensor/dtype.h"

namespace lathe::bench {

constexpr double kDisturbedBelow = 0.9;  // of the baseline (docs/cli.md)

// What decides whether figures may be compared at all.
struct MachineKind {
  std::string cpu_model, isa;
  int threads = 1;
};
MachineKind this_machine();

Result<Json> parse_baseline(std::string_view text);
const Json& built_in_baseline();

// The product and read rates held for that machine; nothing when it is not listed or the file says nothing of `dtype`.
std::optional<ops::Limits> find_baseline(const Json& baseline, const MachineKind& machine, DType dtype);

// One sentence for each figure below kDisturbedBelow of its baseline; empty for a run that nothing disturbed.
std::vector<std::string> disturbances(const ops::Limits& measured, const ops::Limits& baseline);

}  // namespace lathe::bench
