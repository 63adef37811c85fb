#include "cli/verb.h"
#include "cli/version.h"
#include "core/environment.h"
#include "core/log.h"

namespace lathe::cli {

Device Context::device() const {
  const Device device = parse_device(common_.device).value();  // checked before the verb runs
  log_info("cli", "device ", device_name(device));
  return device;
}

bool Context::given(const std::string& name) const {
  for (const Setting& setting : table_.settings())
    if (setting.name == name) return setting.given;
  return false;
}

Result<fs::path> Context::base_folder() const { return lathe::base_folder(common_.base_dir); }

void Context::print_line(const std::string& line) {
  if (rank_ == 0) out_ << line << '\n' << std::flush;
}

void Context::print_banner() { print(banner()); }

Exit Context::finish(const Json& figures, Exit exit) {
  if (common_.json) print(figures.dump());
  return exit;
}

}  // namespace lathe::cli
