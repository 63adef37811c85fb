// The text of one JSON record, fast (simdjson behind json_text.cc): for corpora of gigabytes, where a value tree of
// every record would cost more than all other work. Rows L-2.2, L-2.12.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace lathe::data {

enum class RecordFault { kNone, kNotJson, kNoText };

struct RecordText {
  RecordFault fault = RecordFault::kNone;
  bool invalid_utf8 = false;  // the text had bytes that are not UTF-8; they are U+FFFD now
  std::string why;            // of a fault, for people
};

// One thread at a time; reads any number of records with the same buffers.
class JsonTextReader {
 public:
  // `keys`: fields that may hold the text, in this order; "a.b" is the field b of the object a, unless the record has a
  // field of that very name. A null is like a missing field.
  explicit JsonTextReader(std::vector<std::string> keys);
  ~JsonTextReader();
  JsonTextReader(JsonTextReader&&) noexcept;

  // The text of `record`, one JSON object, into `text`. Half a surrogate pair becomes U+FFFD.
  RecordText read(std::string_view record, std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};


}  // namespace lathe::data
