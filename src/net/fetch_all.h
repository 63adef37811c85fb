// Many files at once.
#pragma once

#include <functional>
#include <vector>

#include "net/fetch.h"

namespace lathe::net {

// One result per request, in their order; a file that fails does not hold up the others (row C-1.8). `on_event` is called
// by one thread at a time. After a stop signal no further file is begun. `workers` >= 1 threads.
std::vector<Result<Fetched>> fetch_all(const std::vector<FetchRequest>& requests, int64_t workers, const FetchOptions& options,
                                       const std::function<void(size_t index, const FetchEvent& event)>& on_event);

}  // namespace lathe::net
