// Where a tensor lives. kMeta has shapes but no memory: running a step on it measures the memory that step needs.
#pragma once

#include <string_view>

#include "core/result.h"

namespace lathe {

enum class Device { kCpu, kCuda, kMeta };

const char* device_name(Device device);
bool device_available(Device device);
Result<Device> parse_device(std::string_view name);  // cpu, cuda, auto; an absent one is an error (row C-17.4)

}  // namespace lathe
