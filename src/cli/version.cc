#include "cli/version.h"

#include "core/environment.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/text.h"
#include "lathe_build.h"
#include "tensor/device.h"

namespace lathe::cli {
namespace {

std::string compiler() {
#if defined(__clang__)
  return join_text("clang ", __clang_major__, ".", __clang_minor__, ".", __clang_patchlevel__);
#else
  return join_text("g++ ", __GNUC__, ".", __GNUC_MINOR__, ".", __GNUC_PATCHLEVEL__);
#endif
}

}  // namespace

std::string version_text() {
  const Machine machine = read_machine();
  std::string features;
  for (const std::string& feature : machine.cpu_features) features += " " + feature;
  return join_text("lathe ", tool_version(), "\ncommit ", kBuildCommit, "\ncompiler ", compiler(), ", ", kBuildType,
                   "\ncpu ", machine.cpu_model, ", ", machine.logical_cpus, " logical\nfeatures", features, "\ndevices cpu",
                   device_available(Device::kCuda) ? " cuda" : "", "\n");
}

std::string banner() {
  return join_text(" _       _   _\n| | __ _| |_| |__   ___\n| |/ _` | __| '_ \\ / _ \\\n| | (_| | |_| | | |  __/\n|_|\\__,_|\\__|_| |_|\\___|  ",
                   tool_version(), ", ", num_threads(), " threads");
}

}  // namespace lathe::cli
