#include "tensor/device.h"

namespace lathe {

const char* device_name(Device device) {
  switch (device) {
    case Device::kCpu: return "cpu";
    case Device::kCuda: return "cuda";
    case Device::kMeta: return "meta";
  }
  return "?";
}

bool device_available(Device device) { return device != Device::kCuda; }

Result<Device> parse_device(std::string_view name) {
  if (name == "cpu" || name == "auto" || name.empty()) return Device::kCpu;
  if (name == "cuda") {
    if (device_available(Device::kCuda)) return Device::kCuda;
    return error("this build has no CUDA; use --device cpu");
  }
  return error("unknown device \"", name, "\"; use cpu, cuda or auto");
}

}  // namespace lathe
