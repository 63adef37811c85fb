// DATA_CARD.md: what a corpus is, for people (rows L-2.8, L-2.34).
#pragma once

#include <string>

#include "corpus/pipeline.h"

namespace lathe::corpus {

std::string data_card(const CorpusFacts& facts);

}  // namespace lathe::corpus
