// One table over the fields of a request's body: from it the body is read into a plain struct, every value checked (trap S4), and its
// JSON Schema is written for /openapi.json. What the document says is thus what is enforced.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "serve/api_fault.h"

namespace lathe::serve {

using Wrong = std::optional<ApiFault>;  // nothing: all is well

// Single values at a place such as "messages[0].content". Bounds are inclusive; texts are counted in code points.
Wrong wrong_at(const std::string& place, std::string message);
Wrong read_integer(const Json& value, const std::string& place, int64_t low, int64_t high, int64_t& field);
Wrong read_number(const Json& value, const std::string& place, double low, double high, double& field);
Wrong read_flag(const Json& value, const std::string& place, bool& field);
Wrong read_text(const Json& value, const std::string& place, int64_t shortest, int64_t longest, std::string& field);

// Parts of JSON Schemas. All values of `members` are required where their names are in `required`.
Json schema_of(std::string_view json_text);  // text of the source; wrong text is a broken invariant
Json integer_schema(int64_t low, int64_t high);
Json text_schema(int64_t shortest, int64_t longest);
Json list_schema(Json items, int64_t fewest, int64_t most);
Json either_schema(std::vector<Json> choices);

class BodyTable {
 public:
  using Read = std::function<Wrong(const Json& value, const std::string& place)>;
  struct Field {
    std::string name, help;
    Json schema;   // of the value, without null
    Json fallback; // what an omitted field stands for, where it is known
    Read read;
    bool required = false;
    std::vector<std::string> aliases;  // other names; the first one found counts

    Field& must() { required = true; return *this; }
    Field& alias(std::string other) { aliases.push_back(std::move(other)); return *this; }
  };

  // The struct must outlive the table; its values are the defaults. References are good until the next call.
  Field& integer(std::string name, int64_t* field, int64_t low, int64_t high, std::string help);
  Field& integer(std::string name, std::optional<int64_t>* field, int64_t low, int64_t high, std::string help);
  Field& number(std::string name, double* field, double low, double high, std::string help);
  Field& number(std::string name, std::optional<double>* field, double low, double high, std::string help);
  Field& flag(std::string name, bool* field, std::string help);
  Field& flag(std::string name, std::optional<bool>* field, std::string help);
  Field& text(std::string name, std::string* field, int64_t shortest, int64_t longest, std::string help);
  Field& integers(std::string name, std::vector<int32_t>* field, int64_t most, int64_t low, int64_t high, std::string help);
  Field& other(std::string name, Json schema, Read read, std::string help);

  // Optional fields may be null. Unknown fields are logged at debug level and otherwise ignored: clients send new ones.
  // The first wrong field, in the order of the table, is the answer.
  Wrong read(const Json& body) const;
  Json schema() const;

 private:
  std::vector<Field> fields_;
};

// Parses a body: a JSON object without extensions, nested at most 32 deep (trap S8).
Wrong parse_body(std::string_view text, Json& body);

inline constexpr int kMaxBodyDepth = 32;

}  // namespace lathe::serve
