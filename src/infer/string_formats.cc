#include "infer/string_formats.h"

#include <utility>

namespace lathe::infer {
namespace {

// Days that every year has, so that each text is a date: never 29 February.
#define LATHE_DATE                                                                                                     \
  "[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define LATHE_TIME "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define LATHE_BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define LATHE_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define LATHE_GROUP "[0-9A-Fa-f]{1,4}"

constexpr std::pair<std::string_view, const char*> kFormats[] = {
    {"date", LATHE_DATE},
    {"time", LATHE_TIME},
    {"date-time", LATHE_DATE "T" LATHE_TIME},
    {"duration", "P(?:[0-9]+W|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))?"
                 "|T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))"},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
    {"ipv4", LATHE_BYTE "(?:\\." LATHE_BYTE "){3}"},
    {"ipv6", "(?:" LATHE_GROUP ":){7}" LATHE_GROUP "|(?:" LATHE_GROUP ":){1,6}:" LATHE_GROUP "|::(?:" LATHE_GROUP ":){0,5}" LATHE_GROUP "|::"},
    {"hostname", LATHE_LABEL "(?:\\." LATHE_LABEL "){0,3}"},
    {"email", "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@" LATHE_LABEL "(?:\\." LATHE_LABEL "){0,3}"},
    {"uri", "[A-Za-z][A-Za-z0-9+.-]*://" LATHE_LABEL "(?:\\." LATHE_LABEL "){0,3}(?::[1-9][0-9]{0,3})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*(?:\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?"},
};

}  // namespace

const char* format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : kFormats)
    if (name == format) return pattern;
  return nullptr;
}

std::string known_formats() {
  std::string out;
  for (const auto& entry : kFormats) out += (out.empty() ? "" : ", ") + std::string(entry.first);
  return out;
}

}  // namespace lathe::infer
