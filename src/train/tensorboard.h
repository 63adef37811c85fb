// Records of TensorBoard's event files: scalars in a TFRecord stream (length, masked CRC-32C, protobuf Event).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::train {

uint32_t crc32c(std::string_view bytes);
std::string tensorboard_header(double wall_time);
std::string tensorboard_scalar(double wall_time, int64_t step, std::string_view tag, float value);

}  // namespace lathe::train
