// The text of one JSON record, fast: one walk that checks the whole record and copies nothing but the text. For corpora
// of gigabytes, where a value tree of every record would cost more than all other work. Rows L-2.2, L-2.12; RFC 8259.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::data {

enum class RecordFault { kNone, kNotJson, kNoText };

struct RecordText {
  RecordFault fault = RecordFault::kNone;
  std::string why;  // of a fault, for people
};

// One thread at a time; reads any number of records with the same buffers.
class JsonTextReader {
 public:
  // `keys`: 1 to 16 fields that may hold the text, in this order; "a.b" is the field of that very name, else the field b
  // of the object a. A null is like a missing field; of fields with the same name the first counts.
  explicit JsonTextReader(std::vector<std::string> keys);

  // The text of `record`, one JSON object nested at most 100 deep, into `text`. Bytes that are not UTF-8 stay as they
  // are; an escape of half a surrogate pair becomes U+FFFD.
  RecordText read(std::string_view record, std::string& text);

 private:
  struct Walk;
  struct Found {
    bool seen = false, is_text = false;
    size_t begin = 0, end = 0;  // between the quotation marks
  };
  std::vector<std::string> keys_;
  std::vector<std::vector<std::string>> paths_;  // by preference
  std::vector<Found> found_;                     // of each path
};

}  // namespace lathe::data
