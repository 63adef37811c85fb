#include "corpus/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "core/check.h"
#include "corpus/code_points.h"

namespace lathe::corpus {
namespace {

constexpr char32_t kTableSize = 0x20000;  // planes 0 and 1
constexpr char32_t kFirstUnsafe = 0x300;  // below, every code point is NFC and combines with nothing before it

utf8proc_option_t options(int flags) { return static_cast<utf8proc_option_t>(flags); }

int decompose(char32_t c, utf8proc_int32_t* out, int room) {
  int last_boundary = 0;
  const utf8proc_ssize_t n =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), out, room, options(UTF8PROC_DECOMPOSE), &last_boundary);
  LATHE_CHECK(n >= 0 && n <= room, "decomposition of ", static_cast<uint32_t>(c), ": ", n);
  return static_cast<int>(n);
}

int combining_class(char32_t c) { return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class; }

// A code point is safe when it starts a character, is its own NFC and never combines with what stands before it. Text
// of safe code points is NFC, and a stretch of others changes nothing beyond the safe ones at its two ends.
class SafeTable {
 public:
  static const SafeTable& get() {
    static const SafeTable table;
    return table;
  }
  bool safe(char32_t c) const { return c < kFirstUnsafe || (c < kTableSize && safe_[c]); }

 private:
  SafeTable() : safe_(kTableSize, true) {
    utf8proc_int32_t parts[32];
    for (char32_t c = kFirstUnsafe; c < kTableSize; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      int n = decompose(c, parts, 32);
      if (combining_class(c) != 0) safe_[c] = false;
      if (n == 1 && static_cast<char32_t>(parts[0]) == c) continue;
      // What ends a decomposition is what may combine with the characters before it.
      for (int i = 1; i < n; ++i) safe_[static_cast<size_t>(parts[i])] = false;
      const utf8proc_ssize_t composed = utf8proc_normalize_utf32(parts, n, options(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
      if (composed != 1 || static_cast<char32_t>(parts[0]) != c) safe_[c] = false;
    }
  }
  std::vector<bool> safe_;
};

// NFC of text[begin, end) in `out`.
void normalise(std::string_view text, size_t begin, size_t end, std::vector<utf8proc_int32_t>& buffer,
               std::string& out) {
  buffer.clear();
  utf8proc_int32_t parts[32];
  for (size_t at = begin; at < end;) {
    const int n = decompose(next_code_point(text, at), parts, 32);
    buffer.insert(buffer.end(), parts, parts + n);
  }
  // Canonical order. utf8proc's own sorting is quadratic in the number of marks on a letter, which a text may choose.
  for (auto first = buffer.begin(); first != buffer.end();) {
    if (combining_class(static_cast<char32_t>(*first)) == 0) {
      ++first;
      continue;
    }
    const auto last = std::find_if(first, buffer.end(),
                                   [](utf8proc_int32_t c) { return combining_class(static_cast<char32_t>(c)) == 0; });
    std::stable_sort(first, last, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(static_cast<char32_t>(a)) < combining_class(static_cast<char32_t>(b));
    });
    first = last;
  }
  const utf8proc_ssize_t n = utf8proc_normalize_utf32(buffer.data(), static_cast<utf8proc_ssize_t>(buffer.size()),
                                                      options(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  LATHE_CHECK(n >= 0, "normalisation: ", n);
  out.clear();
  for (utf8proc_ssize_t i = 0; i < n; ++i)
    append_code_point(out, static_cast<char32_t>(buffer[static_cast<size_t>(i)]));
}

}  // namespace

int64_t to_nfc(std::string_view text, std::string& out) {
  int64_t changed = 0;
  size_t copied = 0;
  size_t last_safe = 0;  // start of the safe code point before `at`
  std::vector<utf8proc_int32_t> buffer;
  std::string normal;
  for (size_t at = skip_ascii(text, 0); at < text.size();) {
    if (byte_at(text, at) < 0x80) {
      at = skip_ascii(text, at);
      last_safe = at - 1;
      continue;
    }
    // Bytes below 0xCC open code points below kFirstUnsafe.
    if (byte_at(text, at) < 0xCC) {
      last_safe = at;
      at += sequence_length(byte_at(text, at));
      continue;
    }
    const SafeTable& table = SafeTable::get();
    size_t end = at;
    if (table.safe(next_code_point(text, end))) {
      last_safe = at;
      at = end;
      continue;
    }
    if (at > 0 && byte_at(text, at - 1) < 0x80) last_safe = at - 1;
    const size_t begin = last_safe;
    at = end;
    while (at < text.size() && !table.safe(next_code_point(text, end))) at = end;
    end = at;
    normalise(text, begin, end, buffer, normal);
    if (normal == text.substr(begin, end - begin)) continue;
    if (changed++ == 0) out.clear();
    out.append(text.substr(copied, begin - copied));
    out.append(normal);
    copied = end;
  }
  if (changed > 0) out.append(text.substr(copied));
  return changed;
}

}  // namespace lathe::corpus
