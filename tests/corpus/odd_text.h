// Random texts made of what the steps of cleaning look for, torn apart and put together in any order.
#pragma once

#include <string>
#include <vector>

#include "core/rng.h"

namespace lathe::corpus::testing {

inline std::string odd_text(Rng& rng, size_t most_pieces, bool valid) {
  static const std::vector<std::string> kValid = {
      "a",         "B",        "word",   "the end",    ".",          ",",
      "(",         ")",        "<",      ">",          "[",          "]",
      "\"",        " ",        " ",      "  ",         "\t",         "\n",
      "\n",        "\n\n\n",   "\r\n",   "\r",         "\f",         "\v",
      "\x01",      "\x7F",     "`",      "``",         "```",        "\n```\n",
      "~~~",       "\n~~~~\n", "http",   "://",        "http://",    "https://x.org/a_(b)",
      "www.",      "www.a.b",  "WWW.",   "ftp://",     "\u00C2",     "\u00C3",
      "\u00E2",    "\u00F0",   "\u00E0", "\u00EF",     "\u00A9",     "\u00A0",
      "\u00BB",    "\u00BF",   "\u0080", "\u0085",     "\u0099",     "\u009D",
      "\u20AC",    "\u2122",   "\u0178", "\u2019",     "\u201C",     "\u02DC",
      "\u0153",    "\u00D0",   "\u00C5", "\u00CE",     "\u0301",     "\u0327",
      "\u0303",    "\u0338",   "\u1100", "\u1161",     "\u11A8",     "\uAC00",
      "\u0958",    "\u2000",   "\u1FEF", "\u212B",     "\uFB1D",     "\uFEFF",
      "\u2028",    "\u2029",   "\u3000", "\u09C7",     "\u09BE",     "\u0344",
      "A",         "e",        "=",      "\U0001F600", "\U0001D15E", "\U000110BA",
      "\U00011099"};
  static const std::vector<std::string> kInvalid = {"\xC3",     "\xFF", "\xED\xA0\x80", "\xC0\x80", "\xF5\x80\x80\x80",
                                                    "\xE2\x82", "\x80", "\xF0\x9F"};
  std::string text;
  const uint64_t pieces = rng.below(most_pieces + 1);
  for (uint64_t i = 0; i < pieces; ++i) {
    if (!valid && rng.below(12) == 0)
      text += kInvalid[rng.below(kInvalid.size())];
    else
      text += kValid[rng.below(kValid.size())];
  }
  return text;
}

}  // namespace lathe::corpus::testing
