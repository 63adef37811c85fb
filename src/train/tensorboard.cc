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

std::string tensorboard_scalar(double wall_time, int64_t step, std::string_view tag, float value) {
  std::string item;
  append_text(item, 1, tag);  // Summary.Value.tag
  item += '\x15';             // Summary.Value.simple_value = 2, float
  append_raw(item, value);
  std::string summary;
  append_text(summary, 1, item);
  std::string event = event_start(wall_time);
  event += '\x10';  // Event.step = 2
  append_varint(event, static_cast<uint64_t>(step));
  append_text(event, 5, summary);
  return record(event);
}

}  // namespace lathe::train
