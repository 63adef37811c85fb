// Records of TensorBoard's event files: scalars and texts in a TFRecord stream (length, masked CRC-32C, protobuf Event).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::train {

uint32_t crc32c(std::string_view bytes);
std::string tensorboard_header(double wall_time);
// What was written for `step` and later steps before this record is void: the run goes on from there.
std::string tensorboard_restart(double wall_time, int64_t step);
std::string tensorboard_scalar(double wall_time, int64_t step, std::string_view tag, float value);
// For the text plugin, which shows Markdown; every text is a row of a table.
std::string tensorboard_texts(double wall_time, int64_t step, std::string_view tag, const std::vector<std::string>& texts);

}  // namespace lathe::train
