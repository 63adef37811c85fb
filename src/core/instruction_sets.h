// Holds Highway's kernels to max_isa() (core/machine.h), so that a better machine can run, and test, what a lesser one runs.
#pragma once

namespace lathe {

// To be called before a room's first kernel, from any thread, as often as one likes; true, so that a static variable can
// call it.
bool limit_instruction_sets();

}  // namespace lathe
