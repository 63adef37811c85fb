// What this machine is and what this process uses of it: for doctor, plans, reports and benchmark records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace lathe {

struct Machine {
  std::string cpu_model;                  // "AMD EPYC ...", "unknown" if the system does not say
  std::vector<std::string> cpu_features;  // of those that matter here, the ones present: "avx2", "avx512_bf16", ...
  int logical_cpus = 1;                   // usable_cpus()
  int64_t memory_bytes = 0;               // physical, or the container's limit where that is less
};

Machine read_machine();

// Logical CPUs that this process may use: its affinity, or the processor time its container may take where that is less.
int usable_cpus();
// That time in whole CPUs, rounded up, by the least limit of the group `own` ("/a/b") and those above it, below the mount
// point `root`: cgroup v2's cpu.max, or v1's cpu/cpu.cfs_quota_us. 0: no limit.
int container_cpu_limit(const std::string& root, const std::string& own);

int64_t available_memory_bytes();  // what can be taken now without swapping; 0 if unknown
double rss_mb();                   // resident memory of this process, in 2^20 bytes; 0 if unknown
double peak_rss_mb();              // the largest so far
// From here on buffers above 256 KiB go back to the system when they are freed, whichever thread had them: for work that
// streams through large buffers, where the allocator would otherwise keep a multiple of them. glibc; elsewhere nothing.
void return_freed_buffers();
double process_cpu_seconds();      // processor time of all its threads

// The instruction sets that kernels are written for, each holding those before it. kScalar is what every processor of the
// architecture has (x86-64: SSE2; AArch64: NEON).
enum class Isa { kScalar, kAvx2, kAvx512, kAvx512Bf16 };
const char* isa_name(Isa isa);           // "scalar", "avx2", "avx512", "avx512_bf16"
Result<Isa> parse_isa(const std::string& name);
Isa cpu_isa();                           // the best that this processor and system offer
// The best that kernels may use: cpu_isa(), or less if the environment variable LATHE_MAX_ISA names less. Read once;
// throws std::invalid_argument when the variable names no instruction set.
Isa max_isa();

// Shared libraries loaded into this process, as full paths, in load order (the program itself not).
std::vector<std::string> loaded_libraries();

}  // namespace lathe
