// Shared by the loaders: reading their states, which come from outside.
#pragma once

#include <optional>

#include "data/document_stream.h"
#include "data/token_loader.h"

namespace lathe::data {

// The list of whole numbers under `key`; an error if it is missing, another type or of another length (-1 = any).
Result<std::vector<int64_t>> read_numbers(const Json& object, std::string_view key, int64_t length);
Result<int64_t> read_number(const Json& object, std::string_view key);

// The origin's part of a state, {pq_idx, rg_idx, epoch}: the group last read into the buffer (C-1.28).
struct LastGroup {
  int64_t part = 0;
  int64_t group = 0;
  int64_t epoch = 1;
};

// {pq_idx, rg_idx, epoch, exact: {loader, corpus, rank, world, cursor}}; the loader adds its own to "exact".
Json stream_state(const DocumentStream& stream, const char* loader, const LastGroup& last, const StreamCursor& cursor);
// Checks and moves the stream. Compatible: seek_after. Exact: to the cursor; `exact` is then the inner object.
Status restore_stream(DocumentStream& stream, const char* loader, const Json& state, ResumeMode mode, LastGroup& last,
                      const Json*& exact);

}  // namespace lathe::data
