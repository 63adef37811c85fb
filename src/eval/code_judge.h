// The judge of HumanEval: each completion's program is run in the sandbox with the set's test. Rows C-7.36 to C-7.38.
//
// The origin runs program, test and check(entry_point) as one program and calls it right when that ends without an exception, so that
// a program can end early, or hand out objects that equal everything, and be right. Here the program is a process of its own and the
// test sees plain values of its results only: the verdict is formed outside (sandbox.h).
#pragma once

#include "sandbox/sandbox.h"
#include "tasks/evaluation_task.h"

namespace lathe::eval {

// The answer is the program without its imports; the note, why it failed. Several programs run at a time.
tasks::Judge code_judge(sandbox::Sandbox box, const sandbox::Limits& limits = {});

}  // namespace lathe::eval
