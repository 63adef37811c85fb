// What became of a request that was handed to a worker.
#pragma once

namespace lathe::serve {

enum class Submission { kAccepted, kFull, kDown };

}  // namespace lathe::serve
