// The trained numbers of corpus/language.h. language_data.cc is written by tools/make_language_model.
#pragma once

namespace lathe::corpus {

inline constexpr int kLanguageBuckets = 4096;
extern const double kLanguageBias;
extern const double kLanguageScale;
// One letter for each bucket: its place in A-Z a-z 0-9 + less 31 is the weight.
extern const char kLanguageWeights[kLanguageBuckets + 1];

}  // namespace lathe::corpus
