// What this machine is and what this process uses of it: for doctor, plans, reports and benchmark records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
double process_cpu_seconds();      // processor time of all its threads

// Shared libraries loaded into this process, as full paths, in load order (the program itself not).
std::vector<std::string> loaded_libraries();

}  // namespace lathe
