#include "core/machine.h"

#include <link.h>
#include <malloc.h>
#include <omp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <string_view>

#include "core/check.h"
#include "core/environment.h"
#include "core/text.h"

namespace lathe {
namespace {

constexpr std::array<const char*, 4> kIsaNames = {"scalar", "avx2", "avx512", "avx512_bf16"};

// The vector and matrix units that the kernels choose between, in the kernel's own spelling, x86-64 then AArch64.
constexpr std::array<std::string_view, 16> kFeatures = {
    "sse4_2",   "avx2", "fma",   "f16c",    "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16",
    "amx_tile", "amx_bf16", "asimd", "asimdhp", "bf16",    "i8mm",     "sve",         "sve2"};

// The rest of the first line "name<blanks>: value".
std::string field_of(const char* path, std::string_view name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    const size_t colon = line.find(':');
    if (colon != std::string::npos && trim_text(std::string_view(line).substr(name.size(), colon - name.size())).empty())
      return std::string(trim_text(std::string_view(line).substr(colon + 1)));
  }
  return {};
}

// "12345 kB" or "12345" -> number; -1 when there is none ("max").
int64_t leading_number(std::string_view text) {
  int64_t value = -1;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() ? value : -1;
}

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// "0::/path" of /proc/self/cgroup (v2), or that of the v1 controller cpu.
std::string own_group() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> parts = split_text(line, ':');
    if (parts.size() == 3 && (parts[1].empty() || parts[1] == "cpu" || parts[1] == "cpu,cpuacct")) return parts[2];
  }
  return "/";
}

int64_t memory_limit_of_container() {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream in(path);
    std::string line;
    if (std::getline(in, line) && leading_number(line) > 0) return leading_number(line);
  }
  return -1;
}

}  // namespace

Machine read_machine() {
  Machine machine;
  machine.cpu_model = field_of("/proc/cpuinfo", "model name");
  if (machine.cpu_model.empty()) machine.cpu_model = "unknown";
  std::string flags = field_of("/proc/cpuinfo", "flags");
  if (flags.empty()) flags = field_of("/proc/cpuinfo", "Features");
  const std::vector<std::string> words = split_text(flags, ' ');
  for (const std::string_view feature : kFeatures)
    if (std::find(words.begin(), words.end(), feature) != words.end()) machine.cpu_features.emplace_back(feature);

  machine.logical_cpus = usable_cpus();
  machine.memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  const int64_t limit = memory_limit_of_container();
  if (limit > 0) machine.memory_bytes = std::min(machine.memory_bytes, limit);
  return machine;
}

int container_cpu_limit(const std::string& root, const std::string& own) {
  int64_t least = 0;
  const auto consider = [&](int64_t quota, int64_t period) {
    if (quota <= 0 || period <= 0) return;
    const int64_t cpus = (quota + period - 1) / period;
    least = least == 0 ? cpus : std::min(least, cpus);
  };
  for (std::string group = own; ; group.resize(group.find_last_of('/'))) {
    if (!group.empty() && group.back() == '/') group.pop_back();
    const std::vector<std::string> both = split_text(first_line(root + group + "/cpu.max"), ' ');  // "max 100000"
    if (both.size() == 2) consider(leading_number(both[0]), leading_number(both[1]));
    const std::string v1 = root + "/cpu" + group + "/cpu.cfs_";
    consider(leading_number(first_line(v1 + "quota_us")), leading_number(first_line(v1 + "period_us")));
    if (group.find('/') == std::string::npos) break;
  }
  return static_cast<int>(least);
}

int usable_cpus() {
  // OpenMP's count, taken as the program was loaded: where OMP_PROC_BIND pins threads, the first one sees its own place alone.
  const int cpus = omp_get_num_procs();
  const int limit = container_cpu_limit("/sys/fs/cgroup", own_group());
  return limit > 0 ? std::min(cpus, limit) : cpus;
}

int64_t available_memory_bytes() {
  const int64_t kilobytes = leading_number(field_of("/proc/meminfo", "MemAvailable"));
  return kilobytes < 0 ? 0 : kilobytes * 1024;
}

double rss_mb() {
  const int64_t kilobytes = leading_number(field_of("/proc/self/status", "VmRSS"));
  return kilobytes < 0 ? 0 : static_cast<double>(kilobytes) / 1024;
}

double process_cpu_seconds() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double peak_rss_mb() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // Linux counts in kilobytes
}

const char* isa_name(Isa isa) { return kIsaNames[static_cast<size_t>(isa)]; }

Result<Isa> parse_isa(const std::string& name) {
  for (size_t i = 0; i < kIsaNames.size(); ++i)
    if (name == kIsaNames[i]) return static_cast<Isa>(i);
  return error("unknown instruction set \"", name, "\"; known are scalar, avx2, avx512, avx512_bf16");
}

Isa cpu_isa() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::kScalar;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
  if (!avx512) return Isa::kAvx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512;
#else
  return Isa::kScalar;
#endif
}

Isa max_isa() {
  static const Isa isa = [] {
    const std::string name = environment("LATHE_MAX_ISA");
    if (name.empty()) return cpu_isa();
    const Result<Isa> named = parse_isa(name);
    require(named.ok(), "[machine] LATHE_MAX_ISA: ", named.ok() ? "" : named.error().message);
    return std::min(named.value(), cpu_isa());
  }();
  return isa;
}

std::vector<std::string> loaded_libraries() {
  std::vector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        if (info->dlpi_name != nullptr && info->dlpi_name[0] == '/') static_cast<std::vector<std::string>*>(out)->emplace_back(info->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

void return_freed_buffers() {
#ifdef M_MMAP_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

}  // namespace lathe
