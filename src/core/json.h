// Json: a value tree that keeps the order of keys. Parsing is nlohmann's (behind json.cc); comments are allowed,
// nesting is bounded, and bare Infinity is read as a double, bare NaN as null (old checkpoints hold them, row C-6.19).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(int64_t{value}) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value);  // above int64's range becomes a double
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return value_.index() == 1; }
  bool is_int() const { return value_.index() == 2; }
  bool is_number() const { return value_.index() == 2 || value_.index() == 3; }
  bool is_string() const { return value_.index() == 4; }
  bool is_array() const { return value_.index() == 5; }
  bool is_object() const { return value_.index() == 6; }
  const char* type_name() const;

  // Accessors of the wrong type are an API misuse and throw std::invalid_argument; test with is_*() on outside data.
  bool as_bool() const;
  int64_t as_int() const;      // also a double that is a whole number
  double as_double() const;    // any number
  const std::string& as_string() const;
  const Array& as_array() const;
  Array& as_array();
  const Object& as_object() const;
  Object& as_object();

  // Object access. find: null pointer when absent (or not an object). at: throws. []: inserts null.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  const Json& at(std::string_view key) const;
  Json& operator[](std::string_view key);
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  // Array access and size of arrays and objects.
  const Json& at(size_t index) const { return as_array().at(index); }
  size_t size() const;
  void push_back(Json value) { as_array().push_back(std::move(value)); }

  // Lookups with a default, for optional keys of files whose type was checked elsewhere.
  std::string get_string(std::string_view key, std::string fallback) const;
  int64_t get_int(std::string_view key, int64_t fallback) const;
  double get_double(std::string_view key, double fallback) const;
  bool get_bool(std::string_view key, bool fallback) const;

  // indent < 0: one line. Doubles are written shortest-round-trip; NaN and infinities as null.
  std::string dump(int indent = -1) const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  int max_depth = 100;
  bool allow_comments = true;
  bool allow_bare_words = true;  // NaN, Infinity
};

// Errors carry the byte offset; `path` is only for the message.
Result<Json> parse_json(std::string_view text, const std::string& path = "", JsonLimits limits = {});
Result<Json> read_json(const fs::path& path);
Status write_json_atomic(const fs::path& path, const Json& value, int indent = 2);

}  // namespace lathe
