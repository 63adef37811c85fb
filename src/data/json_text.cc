#include "data/json_text.h"

#include <cstring>

#include "core/check.h"
#include "core/code_point.h"
#include "core/text.h"

namespace lathe::data {
namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxKeys = 16;

// Bytes of a word that are '"', '\\' or below 0x20 have their upper bit set in the result (others after the first such
// byte may, too).
uint64_t special_bytes(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  const auto zeros = [](uint64_t x) { return (x - kOnes) & ~x & kHighs; };
  const uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
  return zeros(word ^ kOnes * '"') | zeros(word ^ kOnes * '\\') | control;
}

// The first such byte at or after `at`, or the size.
size_t next_special(std::string_view text, size_t at) {
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if (const uint64_t hits = special_bytes(word)) return at + static_cast<size_t>(__builtin_ctzll(hits)) / 8;
  }
  while (at < text.size() && static_cast<uint8_t>(text[at]) >= 0x20 && text[at] != '"' && text[at] != '\\') ++at;
  return at;
}

// Four hexadecimal digits at `at`, or -1.
int hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// `raw` is what stands between the quotation marks of a checked string.
void unescape(std::string_view raw, std::string& out) {
  out.clear();
  size_t at = 0;
  while (at < raw.size()) {
    const void* slash = std::memchr(raw.data() + at, '\\', raw.size() - at);
    const size_t end = slash == nullptr ? raw.size() : static_cast<size_t>(static_cast<const char*>(slash) - raw.data());
    out.append(raw, at, end - at);
    if (slash == nullptr) return;
    const char kind = raw[end + 1];
    at = end + 2;
    switch (kind) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        const auto unit = static_cast<uint32_t>(hex4(raw, at));
        at += 4;
        const bool high = unit >= 0xD800 && unit < 0xDC00, low = unit >= 0xDC00 && unit < 0xE000;
        const int second = high && raw.substr(at).starts_with("\\u") ? hex4(raw, at + 2) : -1;
        if (high && second >= 0xDC00 && second < 0xE000) {
          append_code_point(out, 0x10000 + ((unit - 0xD800) << 10) + (static_cast<uint32_t>(second) - 0xDC00));
          at += 6;
        } else {
          append_code_point(out, high || low ? 0xFFFD : unit);
        }
        break;
      }
      default: out += kind;
    }
  }
}

}  // namespace

// One walk over a record; `error` is set at the first fault.
struct JsonTextReader::Walk {
  std::string_view json;
  const std::vector<std::vector<std::string>>& paths;
  std::vector<Found>& found;
  std::string* names = nullptr;  // of the outer fields, when wanted
  size_t at = 0;
  const char* error = nullptr;
  std::string key;

  bool fail(const char* what) {
    if (error == nullptr) error = what;
    return false;
  }
  void blanks() {
    while (at < json.size() && (json[at] == ' ' || json[at] == '\t' || json[at] == '\n' || json[at] == '\r')) ++at;
  }
  bool take(char c) {
    blanks();
    if (at >= json.size() || json[at] != c) return false;
    ++at;
    return true;
  }

  // Behind the opening mark; [begin, end) is what stands between the marks.
  bool string(size_t& begin, size_t& end) {
    begin = at;
    while (true) {
      at = next_special(json, at);
      if (at >= json.size()) return fail("a string is cut short");
      if (json[at] == '"') {
        end = at++;
        return true;
      }
      if (json[at] != '\\') return fail("a control character in a string");
      const char kind = at + 1 < json.size() ? json[at + 1] : '\0';
      if (kind == 'u') {
        if (hex4(json, at + 2) < 0) return fail("a broken \\u escape");
        at += 6;
      } else if (kind != '\0' && std::strchr("\"\\/bfnrt", kind) != nullptr) {
        at += 2;
      } else {
        return fail("an unknown escape");
      }
    }
  }

  bool number() {
    const auto digits = [&] {
      const size_t from = at;
      while (at < json.size() && json[at] >= '0' && json[at] <= '9') ++at;
      return at > from;
    };
    if (json[at] == '-') ++at;
    if (at < json.size() && json[at] == '0') ++at;
    else if (!digits()) return fail("not a value");
    if (at < json.size() && json[at] == '.' && (++at, !digits())) return fail("a broken number");
    if (at < json.size() && (json[at] | 32) == 'e') {
      ++at;
      if (at < json.size() && (json[at] == '+' || json[at] == '-')) ++at;
      if (!digits()) return fail("a broken number");
    }
    return true;
  }

  bool word(std::string_view expected) {
    if (json.substr(at, expected.size()) != expected) return fail("not a value");
    at += expected.size();
    return true;
  }

  // `active`: bit i = the keys above are the first `depth` ones of path i. `slots`: paths that end with this value.
  bool value(int depth, uint64_t active, uint64_t slots) {
    blanks();
    if (at >= json.size()) return fail("the record is cut short");
    size_t begin = 0, end = 0;
    const char c = json[at];
    const bool is_text = c == '"', is_null = c == 'n';
    bool good = false;
    if (is_text) good = (++at, string(begin, end));
    else if (c == '{') good = object(depth + 1, active);
    else if (c == '[') good = array(depth + 1);
    else if (c == 't') good = word("true");
    else if (c == 'f') good = word("false");
    else if (is_null) good = word("null");
    else if (c == '-' || (c >= '0' && c <= '9')) good = number();
    else return fail("not a value");
    if (!good) return false;
    for (size_t i = 0; slots != 0; ++i, slots >>= 1)
      if ((slots & 1) != 0 && !found[i].seen && !is_null) found[i] = {true, is_text, begin, end};
    return true;
  }

  bool object(int depth, uint64_t active) {
    if (depth > kMaxDepth) return fail("nested too deep");
    ++at;
    if (take('}')) return true;
    const auto level = static_cast<size_t>(depth - 1);
    do {
      if (!take('"')) return fail("a field without a name");
      size_t begin = 0, end = 0;
      if (!string(begin, end)) return false;
      uint64_t inner = 0, slots = 0;
      if (active != 0 || names != nullptr) {
        unescape(json.substr(begin, end - begin), key);
        if (names != nullptr && depth == 1 && names->size() < 200) *names += (names->empty() ? "" : ", ") + key;
        for (size_t i = 0; i < paths.size(); ++i)
          if ((active >> i & 1) != 0 && paths[i][level] == key) (paths[i].size() == level + 1 ? slots : inner) |= uint64_t{1} << i;
      }
      if (!take(':')) return fail("a field without a value");
      if (!value(depth, inner, slots)) return false;
    } while (take(','));
    return take('}') || fail("an object is cut short");
  }

  bool array(int depth) {
    if (depth > kMaxDepth) return fail("nested too deep");
    ++at;
    if (take(']')) return true;
    do {
      if (!value(depth, 0, 0)) return false;
    } while (take(','));
    return take(']') || fail("a list is cut short");
  }

  bool record() {
    blanks();
    if (at >= json.size() || json[at] != '{') return fail("not an object");
    if (!object(1, (uint64_t{1} << paths.size()) - 1)) return false;
    blanks();
    return at == json.size() || fail("something follows the object");
  }
};

JsonTextReader::JsonTextReader(std::vector<std::string> keys) : keys_(std::move(keys)) {
  require(!keys_.empty() && keys_.size() <= kMaxKeys, "[JsonTextReader] 1 to 16 keys, got ", keys_.size());
  for (const std::string& key : keys_) {
    paths_.push_back({key});
    if (auto parts = split_text(key, '.'); parts.size() > 1) paths_.push_back(std::move(parts));
  }
}

RecordText JsonTextReader::read(std::string_view record, std::string& text) {
  found_.assign(paths_.size(), {});
  Walk walk{record, paths_, found_, nullptr, 0, nullptr, {}};
  RecordText result;
  if (!walk.record()) {
    result.fault = RecordFault::kNotJson;
    result.why = join_text("no whole JSON object, byte ", walk.at, ": ", walk.error);
    return result;
  }
  for (const Found& found : found_) {
    if (!found.seen) continue;
    if (found.is_text) {
      unescape(record.substr(found.begin, found.end - found.begin), text);
      return result;
    }
    result.why = "the field with the text is not text";
    break;
  }
  result.fault = RecordFault::kNoText;
  if (!result.why.empty()) return result;
  std::string names;
  Walk again{record, paths_, found_, &names, 0, nullptr, {}};
  again.record();
  std::string wanted;
  for (const std::string& key : keys_) wanted += (wanted.empty() ? "\"" : " or \"") + key + "\"";
  result.why = "no field " + wanted + "; its fields are: " + (names.empty() ? "none" : names);
  return result;
}

}  // namespace lathe::data
