#include "train/tensorboard.h"

#include <array>
#include <bit>
#include <cstring>

namespace lathe::train {
namespace {

std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1) ? (c >> 1) ^ 0x82F63B78u : c >> 1;
    table[i] = c;
  }
  return table;
}

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u; }

template <class Value>
void append_raw(std::string& out, Value value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_text(std::string& out, int field, std::string_view text) {
  append_varint(out, static_cast<uint64_t>(field << 3 | 2));
  append_varint(out, text.size());
  out += text;
}

// length, masked crc of the length, data, masked crc of the data
std::string record(std::string_view data) {
  std::string length;
  append_raw(length, static_cast<uint64_t>(data.size()));
  std::string out = length;
  append_raw(out, masked(crc32c(length)));
  out += data;
  append_raw(out, masked(crc32c(data)));
  return out;
}

std::string event_start(double wall_time) {
  std::string event;
  event += '\x09';  // Event.wall_time = 1, double
  append_raw(event, wall_time);
  return event;
}

void append_step(std::string& event, int64_t step) {
  event += '\x10';  // Event.step = 2
  append_varint(event, static_cast<uint64_t>(step));
}

std::string summary_event(double wall_time, int64_t step, std::string_view item) {
  std::string summary;
  append_text(summary, 1, item);  // Summary.value
  std::string event = event_start(wall_time);
  append_step(event, step);
  append_text(event, 5, summary);  // Event.summary
  return record(event);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = make_table();
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) crc = table[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::string tensorboard_header(double wall_time) {
  std::string event = event_start(wall_time);
  append_text(event, 3, "brain.Event:2");  // Event.file_version
  return record(event);
}

std::string tensorboard_restart(double wall_time, int64_t step) {
  std::string event = event_start(wall_time);
  append_step(event, step);
  append_text(event, 7, "\x08\x01");  // Event.session_log { status = START }
  return record(event);
}

std::string tensorboard_scalar(double wall_time, int64_t step, std::string_view tag, float value) {
  std::string item;
  append_text(item, 1, tag);  // Summary.Value.tag
  item += '\x15';             // Summary.Value.simple_value = 2, float
  append_raw(item, value);
  return summary_event(wall_time, step, item);
}

std::string tensorboard_texts(double wall_time, int64_t step, std::string_view tag, const std::vector<std::string>& texts) {
  std::string plugin, metadata, size, dimension, tensor, item;
  append_text(plugin, 1, "text");     // PluginData.plugin_name
  append_text(metadata, 1, plugin);   // SummaryMetadata.plugin_data
  metadata += "\x20\x02";             // SummaryMetadata.data_class = 4: tensor
  size += '\x08';                     // Dim.size = 1
  append_varint(size, texts.size());
  append_text(dimension, 2, size);    // TensorShapeProto.dim
  tensor += "\x08\x07";               // TensorProto.dtype = 1: string
  append_text(tensor, 2, dimension);  // TensorProto.tensor_shape
  for (const std::string& text : texts) append_text(tensor, 8, text);  // TensorProto.string_val
  append_text(item, 1, tag);
  append_text(item, 9, metadata);     // Summary.Value.metadata
  append_text(item, 8, tensor);       // Summary.Value.tensor
  return summary_event(wall_time, step, item);
}

}  // namespace lathe::train
