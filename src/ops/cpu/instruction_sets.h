// Holds the vector kernels to max_isa() (core/machine.h), so that a better machine can run, and test, what a lesser one runs.
#pragma once

namespace lathe::ops::cpu {

// Called once, before the first kernel; true, so that a static variable can call it.
bool limit_instruction_sets();

}  // namespace lathe::ops::cpu
