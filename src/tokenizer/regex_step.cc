#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/regex_step.h"

#include <pcre2.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "core/text.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string message_of(int code) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Span {
  size_t begin, end;
  bool match;
};

// One thread's means of matching. It starts small: most expressions need no stack of their own.
class Matcher {
 public:
  Matcher(const pcre2_code* code, const std::string& regex)
      : code_(code), regex_(regex), data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    if (!data_ || !context_) throw std::bad_alloc();
    pcre2_set_match_limit(context_.get(), kMatchLimit);
    pcre2_set_heap_limit(context_.get(), 64 << 10);  // KiB
  }

  // Matches and what is between them in valid UTF-8 that begins at `offset` of the whole text.
  void find(std::string_view text, size_t offset, std::vector<Span>& spans) {
    size_t done = 0, from = 0, last_end = std::string_view::npos;
    while (from <= text.size()) {
      const int found = match(text, from);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0)
        throw std::runtime_error(join_text("the split pattern ", regex_, " gives up on a text at byte ", offset + from,
                                           ": ", message_of(found)));
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data_.get());
      const size_t begin = ends[0], end = std::max(ends[0], ends[1]);  // \K may turn them around
      if (begin < done || (begin == end && begin == last_end)) {
        from = next_character(text, std::max(from, end));
        continue;
      }
      if (begin > done) spans.push_back({offset + done, offset + begin, false});
      spans.push_back({offset + begin, offset + end, true});
      done = last_end = end;
      from = end > begin ? end : next_character(text, end);
    }
    if (done < text.size()) spans.push_back({offset + done, offset + text.size(), false});
  }

 private:
  static size_t next_character(std::string_view text, size_t at) {
    return at < text.size() ? at + read_code_point(text, at).length : at + 1;
  }
  int match(std::string_view text, size_t from) {
    const auto run = [&] {
      return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NO_UTF_CHECK,
                         data_.get(), context_.get());
    };
    int found = run();
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !stack_) {
      stack_.reset(pcre2_jit_stack_create(64 << 10, 64 << 20, nullptr));
      pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
      found = run();
    }
    return found;
  }

  const pcre2_code* code_;
  const std::string& regex_;
  Owned<pcre2_match_data> data_;
  Owned<pcre2_match_context> context_;
  Owned<pcre2_jit_stack> stack_;
};

// Merges, drops or leaves the spans; empty ones go.
std::vector<Span> arranged(const std::vector<Span>& spans, SplitBehavior behavior) {
  std::vector<Span> out;
  bool previous = false;
  const auto add = [&](const Span& span, bool joins, bool forward) {
    if (joins && !out.empty())
      (forward ? out.back().end : out.back().begin) = forward ? span.end : span.begin;
    else
      out.push_back(span);
    previous = span.match;
  };
  if (behavior == SplitBehavior::kMergedWithNext) {
    for (size_t i = spans.size(); i-- > 0;) add(spans[i], spans[i].match && !previous, false);
    return {out.rbegin(), out.rend()};
  }
  for (const Span& span : spans) {
    if (behavior == SplitBehavior::kRemoved && span.match) continue;
    add(span,
        (behavior == SplitBehavior::kMergedWithPrevious && span.match && !previous) ||
            (behavior == SplitBehavior::kContiguous && span.match == previous),
        true);
  }
  return out;
}

class RegexStep : public SplitStep {
 public:
  RegexStep(std::string regex, Owned<pcre2_code> code, SplitBehavior behavior, bool invert)
      : regex_(std::move(regex)), code_(std::move(code)), behavior_(behavior), invert_(invert) {}

  void split(std::string_view text, std::vector<std::string_view>& pieces,
             std::vector<std::unique_ptr<std::string>>&) const override {
    Matcher matcher(code_.get(), regex_);
    std::vector<Span> spans;
    size_t begin = 0;  // of the valid text that has not been searched
    if (first_invalid_utf8(text) < 0) {
      matcher.find(text, 0, spans);
    } else {
      for (size_t at = 0; at <= text.size();) {
        const CodePoint point = at < text.size() ? read_code_point(text, at) : CodePoint{kInvalidByte, 1};
        if (point.value == kInvalidByte) {
          if (at > begin) matcher.find(text.substr(begin, at - begin), begin, spans);
          if (at < text.size()) spans.push_back({at, at + 1, false});
          begin = at + 1;
        }
        at += point.length;
      }
    }
    if (invert_)
      for (Span& span : spans) span.match = !span.match;
    for (const Span& span : arranged(spans, behavior_))
      if (span.end > span.begin) pieces.push_back(text.substr(span.begin, span.end - span.begin));
  }

 private:
  std::string regex_;
  Owned<pcre2_code> code_;
  SplitBehavior behavior_;
  bool invert_;
};

// The same expression where the library of tokenizer.json and PCRE2 disagree: \w is letters, marks, numbers and
// connecting signs there. Error for what cannot be said here.
Result<std::string> translated(std::string_view regex) {
  constexpr std::string_view kWord = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}";
  std::string out;
  int depth = 0;  // of brackets
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\' && i + 1 < regex.size()) {
      const char next = regex[++i];
      if (next == 'w' || (next == 'W' && depth == 0))
        out += depth > 0 ? std::string(kWord) : join_text(next == 'w' ? "[" : "[^", kWord, "]");
      else if (next == 'h' || next == 'H')
        out += next == 'h' ? (depth > 0 ? "0-9a-fA-F" : "[0-9a-fA-F]") : "[^0-9a-fA-F]";
      else
        (out += c) += next;
      continue;
    }
    if (c == '[') ++depth;
    if (c == ']' && depth > 0) --depth;
    if (c == '}' && depth == 0 && i + 1 < regex.size() && regex[i + 1] == '+' && i > 0 &&
        (is_digit(regex[i - 1]) || regex[i - 1] == ',') && regex.substr(0, i).rfind('{') != std::string_view::npos)
      return error("a counted repetition followed by + repeats it there and keeps it here: write (?:...)+ or (?>...)");
    out += c;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<SplitStep>> make_regex_step(const std::string& regex, SplitBehavior behavior, bool invert) {
  if (first_invalid_utf8(regex) >= 0) return error("the regular expression is not valid UTF-8");
  LATHE_TRY(const std::string text, translated(regex));
  int code = 0;
  PCRE2_SIZE offset = 0;
  // MULTILINE: there, ^ and $ are the ends of lines.
  Owned<pcre2_code> compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                           PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code,
                                           &offset, nullptr));
  if (!compiled) return error("the regular expression does not compile: ", message_of(code), " at byte ", offset, " of ", text);
  pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);  // where there is no such compiler, it is interpreted
  return std::unique_ptr<SplitStep>(std::make_unique<RegexStep>(regex, std::move(compiled), behavior, invert));
}

// Hexadecimal, so that no character has a meaning of its own.
std::string quoted_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80 && !(is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))) {
      out += format_text("\\x{%02x}", static_cast<unsigned>(byte));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace lathe::tokenizer
