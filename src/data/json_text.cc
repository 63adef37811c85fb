#include "data/json_text.h"

#include <simdjson.h>

#include "core/check.h"
#include "core/text.h"

namespace lathe::data {
namespace {

namespace dom = simdjson::dom;  // chooses the machine's instructions when the program runs

// Every byte that is part of no valid sequence becomes `mark`, which is ASCII: the length stays.
std::string marked(std::string_view bytes, char mark) {
  std::string out(bytes);
  size_t from = 0;
  while (from < out.size()) {
    const int64_t bad = first_invalid_utf8(std::string_view(out).substr(from));
    if (bad < 0) break;
    from += static_cast<size_t>(bad);
    out[from++] = mark;
  }
  return out;
}

// Escapes of half a surrogate pair, which JSON allows and UTF-8 cannot hold, become the escape of U+FFFD.
std::string without_half_pairs(std::string_view record) {
  std::string out(record);
  const auto unit = [&](size_t at) -> int {  // of the escape at `at`, else -1
    if (at + 6 > out.size() || out[at] != '\\' || out[at + 1] != 'u') return -1;
    int value = 0;
    for (size_t i = at + 2; i < at + 6; ++i) {
      const char c = out[i];
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    return value;
  };
  for (size_t at = 0; at + 1 < out.size(); ++at) {
    if (out[at] != '\\') continue;
    const int first = unit(at), second = unit(at + 6);
    const bool pair = first >= 0xD800 && first < 0xDC00 && second >= 0xDC00 && second < 0xE000;
    if (first >= 0xD800 && first < 0xE000 && !pair) out.replace(at + 2, 4, "FFFD");
    at += pair ? 11 : first >= 0 ? 5 : 1;
  }
  return out;
}

std::string field_list(const dom::object& object) {
  std::string names;
  for (const auto field : object) {
    if (names.size() > 200) return names + ", ...";
    names += (names.empty() ? "" : ", ") + std::string(field.key);
  }
  return names.empty() ? "none" : names;
}

}  // namespace

struct JsonTextReader::State {
  std::vector<std::string> keys;
  std::vector<std::vector<std::string>> paths;  // of the keys with dots
  dom::parser parser;
  std::string padded;

  // The field `path` below `object`; false when it is not there or null.
  static bool find(dom::object object, const std::vector<std::string>& path, dom::element& out) {
    for (size_t depth = 0;; ++depth) {
      if (object.at_key(path[depth]).get(out)) return false;
      if (depth + 1 == path.size()) return !out.is_null();
      if (out.get_object().get(object)) return false;
    }
  }

  RecordText parse(std::string_view record, std::string& text, simdjson::error_code& code) {
    RecordText result;
    padded.reserve(record.size() + simdjson::SIMDJSON_PADDING);
    padded.assign(record);
    dom::element root, value;
    dom::object object;
    code = parser.parse(padded.data(), padded.size(), false).get(root);
    if (!code) code = root.get_object().get(object);
    if (code) {
      result.fault = RecordFault::kNotJson;
      result.why = std::string("no whole JSON object: ") + simdjson::error_message(code);
      return result;
    }
    bool found = false;
    for (size_t i = 0; i < keys.size() && !found; ++i)
      found = find(object, {keys[i]}, value) || (paths[i].size() > 1 && find(object, paths[i], value));
    std::string_view content;
    if (found && !value.get_string().get(content)) {
      text.assign(content);
      return result;
    }
    result.fault = RecordFault::kNoText;
    std::string wanted;
    for (const std::string& key : keys) wanted += (wanted.empty() ? "\"" : " or \"") + key + "\"";
    result.why = found ? "the field " + wanted + " is not text"
                       : "no field " + wanted + "; its fields are: " + field_list(object);
    return result;
  }
};

JsonTextReader::JsonTextReader(std::vector<std::string> keys) : state_(std::make_unique<State>()) {
  require(!keys.empty(), "[JsonTextReader] no keys");
  for (const std::string& key : keys) state_->paths.push_back(split_text(key, '.'));
  state_->keys = std::move(keys);
}
JsonTextReader::~JsonTextReader() = default;
JsonTextReader::JsonTextReader(JsonTextReader&&) noexcept = default;

RecordText JsonTextReader::read(std::string_view record, std::string& text) {
  simdjson::error_code code = simdjson::SUCCESS;
  RecordText result = state_->parse(record, text, code);
  if (code == simdjson::STRING_ERROR) {
    const std::string mended = without_half_pairs(record);
    if (mended != record) return read(mended, text);
  }
  if (code != simdjson::UTF8_ERROR) return result;
  // Two readings with different marks: where they differ, the invalid bytes stood in the text and not elsewhere.
  std::string question, exclamation;
  const RecordText first = read(marked(record, '?'), question), second = read(marked(record, '!'), exclamation);
  result = read(repair_utf8(record), text);
  result.invalid_utf8 = result.fault == RecordFault::kNone && first.fault == second.fault && question != exclamation;
  return result;
}

}  // namespace lathe::data
