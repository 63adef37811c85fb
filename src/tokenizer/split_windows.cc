// A piece does not depend on what precedes it, so a window may start at any beginning of a piece and needs no state of
// the window before. Bit i of a mask is byte i of the window; x << 1 marks the bytes after those of x.
#include "tokenizer/split_windows.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/instruction_sets.h"

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tokenizer/split_windows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lathe::tokenizer::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::CappedTag<uint8_t, 64>;
using Words = WindowRules::Words;

constexpr size_t kBytes = 64, kAhead = 1024;

// One bit for each of the 64 bytes.
template <class Test>
HWY_INLINE uint64_t mask_of(const uint8_t* bytes, Test test) {
  const Tag tag;
  constexpr size_t kLanes = hn::MaxLanes(Tag());
  uint64_t mask = 0;
  for (size_t i = 0; i < kBytes; i += kLanes) {
    uint8_t bits[8] = {};
    hn::StoreMaskBits(tag, test(tag, hn::LoadU(tag, bytes + i)), bits);
    uint64_t part;
    __builtin_memcpy(&part, bits, sizeof part);
    mask |= part << i;
  }
  return mask;
}

HWY_INLINE uint64_t mask_equal(const uint8_t* bytes, uint8_t byte) {
  return mask_of(bytes, [=](auto tag, auto v) HWY_ATTR { return hn::Eq(v, hn::Set(tag, byte)); });
}

// Bytes from `low` on, `count` of them.
HWY_INLINE uint64_t mask_range(const uint8_t* bytes, uint8_t low, uint8_t count) {
  return mask_of(bytes, [=](auto tag, auto v) HWY_ATTR {
    return hn::Lt(hn::Sub(v, hn::Set(tag, low)), hn::Set(tag, count));
  });
}

HWY_INLINE uint64_t mask_letters(const uint8_t* bytes) {
  return mask_of(bytes, [](auto tag, auto v) HWY_ATTR {
    return hn::Lt(hn::Sub(hn::Or(v, hn::Set(tag, 0x20)), hn::Set(tag, 'a')), hn::Set(tag, 26));
  });
}

HWY_INLINE uint64_t below(size_t bit) { return bit >= 64 ? ~uint64_t{0} : (uint64_t{1} << bit) - 1; }

// Contractions that begin at the apostrophes `at`: those of one letter and of two. The letters may stand up to two bytes
// behind the window.
struct Contractions {
  uint64_t one = 0, two = 0;
};
template <bool kAnyCase>
HWY_INLINE Contractions find_contractions(const uint8_t* bytes, uint64_t at) {
  if (at == 0) return {};
  const auto is = [](uint8_t letter) {
    return [=](auto tag, auto v) HWY_ATTR {
      return hn::Eq(kAnyCase ? hn::Or(v, hn::Set(tag, 0x20)) : v, hn::Set(tag, letter));
    };
  };
  const auto is_any = [](uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    return [=](auto tag, auto v) HWY_ATTR {
      const auto folded = kAnyCase ? hn::Or(v, hn::Set(tag, 0x20)) : v;
      return hn::Or(hn::Or(hn::Eq(folded, hn::Set(tag, a)), hn::Eq(folded, hn::Set(tag, b))),
                    hn::Or(hn::Eq(folded, hn::Set(tag, c)), hn::Eq(folded, hn::Set(tag, d))));
    };
  };
  const uint64_t one = mask_of(bytes + 1, is_any('s', 't', 'd', 'm'));
  const uint64_t ll = mask_of(bytes + 1, is('l')) & mask_of(bytes + 2, is('l'));
  const uint64_t e = mask_of(bytes + 1, is_any('r', 'v', 'r', 'v')) & mask_of(bytes + 2, is('e'));
  return {at & one, at & (ll | e)};
}

// The beginnings of the numbers' pieces in runs of digits that begin at `starts`.
HWY_INLINE uint64_t number_starts(uint64_t digits, uint64_t starts, int most) {
  if (most == 0) return starts;
  uint64_t whole = digits;  // bytes that end `most` digits
  for (int i = 1; i < most; ++i) whole &= digits << i;
  for (uint64_t next = starts << most & whole; next != 0; next = next << most & whole) starts |= next;
  return starts;
}

// The beginnings of pieces among the bytes [0, limit) of a window; limit <= 64, and it is lowered to what is certain.
template <Words kWords>
HWY_INLINE uint64_t piece_starts(const WindowRules& rules, const uint8_t* bytes, size_t& limit) {
  const size_t end = limit;
  const uint64_t valid = below(end);
  const uint64_t letters = mask_letters(bytes) & valid, digits = mask_range(bytes, '0', 10) & valid;
  const uint64_t blanks = mask_equal(bytes, ' ') & valid;
  const uint64_t lines = (mask_equal(bytes, '\n') | mask_equal(bytes, '\r')) & valid;
  const uint64_t space = (mask_range(bytes, '\t', 5) & valid) | blanks;  // tab, newline, vertical tab, page, return
  const uint64_t signs = valid & ~(letters | digits | space);
  const uint64_t apostrophes = mask_equal(bytes, '\'') & valid;
  // What follows white space at the end of the window may take its last blank, or be more white space.
  limit -= static_cast<size_t>(std::countl_one(space << (kBytes - end)));

  const uint64_t letter_starts = letters & ~(letters << 1), digit_starts = digits & ~(digits << 1);
  const uint64_t sign_starts = signs & ~(signs << 1) & ~(blanks << 1);  // without those behind their blank
  const uint64_t last_space = space & ~(space >> 1);

  if constexpr (kWords == Words::kSpaced) {
    uint64_t starts = (letter_starts & ~(blanks << 1)) | (digit_starts & ~(blanks << 1)) | sign_starts |
                      (space & ~(space << 1)) | last_space;
    if (const uint64_t quoted = sign_starts & apostrophes) {
      const Contractions found = find_contractions<false>(bytes, quoted);
      starts = (starts & ~((found.one | found.two) << 1)) | found.one << 2 | found.two << 3;
    }
    return starts;
  } else {
    const uint64_t others = space & ~lines;  // white space that is no newline
    // Newlines at the end of a run of signs: adding the first of them to their run carries past its end.
    const uint64_t first_tail = lines & (signs << 1);
    const uint64_t tail = lines & ~(lines + first_tail);
    const uint64_t free_space = space & ~tail, free_lines = lines & ~tail;
    // White space after a newline begins a piece unless there is another newline behind it.
    uint64_t after_line = free_lines << 1 & others;
    for (uint64_t more = (others + after_line) & ~others & lines; more != 0; more &= more - 1) {
      const uint64_t before = after_line & ((more & -more) - 1);
      after_line &= ~std::bit_floor(before);
    }
    uint64_t starts = (letter_starts & ~((others | sign_starts) << 1)) | sign_starts |
                      number_starts(digits, digit_starts, rules.digits) | (free_space & ~(free_space << 1)) |
                      after_line | (last_space & others);
    if constexpr (kWords == Words::kSigned) {
      if (const uint64_t quoted = sign_starts & apostrophes) {
        const Contractions found = find_contractions<true>(bytes, quoted);
        starts |= found.one << 2 | found.two << 3;
      }
    } else {
      const uint64_t upper = mask_range(bytes, 'A', 26) & valid;
      starts |= upper & (letters & ~upper) << 1;
      if (const uint64_t quoted = apostrophes & letters << 1; quoted != 0 && rules.contractions) {
        if (end < kBytes && (quoted >> (end - 1) & 1)) limit = std::min(limit, end - 1);  // the long s may follow
        const Contractions found = find_contractions<true>(bytes, quoted);
        const uint64_t ends = found.one << 2 | found.two << 3;
        starts = (starts & ~(found.one | found.two | found.two << 2)) | ends;
        // An apostrophe right behind a contraction follows no word.
        if (const uint64_t again = ends & apostrophes) limit = std::min(limit, static_cast<size_t>(std::countr_zero(again)) + 1);
      }
      // Slashes behind the newlines of a run of signs belong to its end.
      if (const uint64_t slashes = tail << 1 & mask_equal(bytes, '/') & valid)
        limit = std::min(limit, static_cast<size_t>(std::countr_zero(slashes)));
    }
    return starts;
  }
}

template <Words kWords>
HWY_INLINE size_t split_text(const WindowRules& rules, const char* text, size_t size, size_t begin, size_t* ends,
                             size_t room, size_t& count) {
  const size_t last = size < kBytes + 2 ? 0 : size - kBytes - 2;  // contractions look at two bytes behind the window
  while (begin < last && count + kWindowEnds <= room) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(text + begin);
    __builtin_prefetch(bytes + kAhead);  // the processor's own prefetching stops at each page
    const uint64_t beyond =
        mask_of(bytes, [](auto tag, auto v) HWY_ATTR { return hn::Lt(hn::Set(tag, 0x7F), v); });
    size_t limit = beyond == 0 ? kBytes : static_cast<size_t>(std::countr_zero(beyond));
    if (limit < 2) return begin;
    const uint64_t found = piece_starts<kWords>(rules, bytes, limit);
    uint64_t starts = found & below(limit) & ~uint64_t{1};
    if (starts == 0) return begin;
    const auto pieces = static_cast<size_t>(std::popcount(starts));
    const size_t next = begin + static_cast<size_t>(std::bit_width(starts)) - 1;
    size_t* out = ends + count;
    // Sixteen at a time, wanted or not: a loop over each bit would be mispredicted in every window.
    for (size_t i = 0; i < pieces; i += 16)
      for (size_t k = 0; k < 16; ++k) {
        out[i + k] = begin + static_cast<size_t>(std::countr_zero(starts));
        starts &= starts - 1;
      }
    count += pieces;
    begin = next;
  }
  return begin;
}

size_t split_spaced(const WindowRules& rules, const char* text, size_t size, size_t begin, size_t* ends, size_t room,
                    size_t& count) {
  return split_text<Words::kSpaced>(rules, text, size, begin, ends, room, count);
}
size_t split_signed(const WindowRules& rules, const char* text, size_t size, size_t begin, size_t* ends, size_t room,
                    size_t& count) {
  return split_text<Words::kSigned>(rules, text, size, begin, ends, room, count);
}
size_t split_cased(const WindowRules& rules, const char* text, size_t size, size_t begin, size_t* ends, size_t room,
                   size_t& count) {
  return split_text<Words::kCased>(rules, text, size, begin, ends, room, count);
}

}  // namespace
}  // namespace lathe::tokenizer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::tokenizer {

HWY_EXPORT(split_spaced);
HWY_EXPORT(split_signed);
HWY_EXPORT(split_cased);

size_t split_windows(const WindowRules& rules, std::string_view text, size_t begin, std::span<size_t> ends,
                     size_t& count) {
  [[maybe_unused]] static const bool limited = limit_instruction_sets();
  const char* const data = text.data();
  switch (rules.words) {
    case WindowRules::Words::kNone:
      return begin;
    case WindowRules::Words::kSpaced:
      return HWY_DYNAMIC_DISPATCH(split_spaced)(rules, data, text.size(), begin, ends.data(), ends.size(), count);
    case WindowRules::Words::kSigned:
      return HWY_DYNAMIC_DISPATCH(split_signed)(rules, data, text.size(), begin, ends.data(), ends.size(), count);
    case WindowRules::Words::kCased:
      return HWY_DYNAMIC_DISPATCH(split_cased)(rules, data, text.size(), begin, ends.data(), ends.size(), count);
  }
  return begin;
}

}  // namespace lathe::tokenizer
#endif
