// A record of a hosted set as a preference pair: columns joined, dialogues parted (rows L-9.1, L-9.3, L-9.4).
#pragma once

#include <optional>
#include <string_view>

#include "corpus/preference_settings.h"
#include "data/preference_pair.h"

namespace lathe::corpus {

// Why a record is left out; the order is that in which they are looked for.
enum class PairFault {
  kNone,
  kNoField,    // a column is missing, or of a form that is not known
  kEmpty,      // prompt or an answer
  kTurns,      // messages do not alternate, or the last is not the assistant's
  kPrefixes,   // the two dialogues differ before the last answer
  kIdentical,  // the answers are the same
  kPromptLength,
  kChosenLength,
  kRejectedLength,
  kLanguage,
  kTooFewDiffering,  // tokens
  kTooManyTokens,    // an answer does not fit
  kDuplicate,        // an earlier pair has this prompt
  kCount
};
const char* fault_name(PairFault fault);  // as the manifest counts it: "empty", "prefixes_differ", ...

// Texts without the blanks at their ends. Tests kNoField to kIdentical.
struct ParsedPair {
  PairFault fault = PairFault::kNone;
  data::PreferencePair pair;
};
ParsedPair pair_of_record(const Json& record, const PreferenceSource& source);

// Characters of all messages of the prompt.
int64_t prompt_characters(const data::PreferencePair& pair);

}  // namespace lathe::corpus
