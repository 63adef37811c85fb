// Protobuf's wire format, field by field, never past the end (protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace lathe::tokenizer {

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  enum class Kind { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    uint64_t number = 0;
    Kind kind = Kind::kVarint;
    uint64_t value = 0;       // of a varint or fixed field, raw
    std::string_view bytes;   // of a length-delimited one
    float as_float() const {
      const auto bits = static_cast<uint32_t>(value);
      float result = 0;
      std::memcpy(&result, &bits, sizeof result);
      return result;
    }
  };

  // False at the end, and when the message is broken: then failed().
  bool next(Field& field) {
    if (at_ == bytes_.size()) return false;
    uint64_t tag = 0;
    if (!varint(tag) || tag >> 3 == 0 || tag >> 32 != 0) return fail();
    field = Field{tag >> 3, static_cast<Kind>(tag & 7), 0, {}};
    switch (field.kind) {
      case Kind::kVarint: return varint(field.value) || fail();
      case Kind::kFixed64: return fixed(8, field.value) || fail();
      case Kind::kFixed32: return fixed(4, field.value) || fail();
      case Kind::kBytes: {
        uint64_t length = 0;
        if (!varint(length) || length > bytes_.size() - at_) return fail();
        field.bytes = bytes_.substr(at_, static_cast<size_t>(length));
        at_ += static_cast<size_t>(length);
        return true;
      }
    }
    return fail();
  }

  bool failed() const { return failed_; }
  size_t offset() const { return at_; }

 private:
  bool fail() {
    failed_ = true;
    return false;
  }
  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[at_++]);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool fixed(size_t count, uint64_t& value) {
    if (bytes_.size() - at_ < count) return false;
    value = 0;
    for (size_t i = 0; i < count; ++i) value |= uint64_t{static_cast<uint8_t>(bytes_[at_ + i])} << (8 * i);
    at_ += count;
    return true;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace lathe::tokenizer
