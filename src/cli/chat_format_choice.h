// Which chat template a verb uses with a model: that of its record, or one named by a flag.
#pragma once

#include "infer/chat_format.h"
#include "train/chat_record.h"

namespace lathe::cli {

// asked: of --template; empty: the record's. Another one than the record's is a warning (row L-10.7). Errors: the model has none, the
// tokenizer lacks its markers.
Result<infer::ChatFormat> chat_format_of(const train::LoadedModel& loaded, const train::ChatRecord& record, const std::string& asked);

}  // namespace lathe::cli
