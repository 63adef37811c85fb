// Muon: momentum, orthogonalisation, variance reduction, cautious decay, on one matrix at a time.
// Jordan et al. 2024; NorMuon, arXiv:2510.05491; cautious decay, arXiv:2510.12402. Rows C-4.7 to C-4.16, C-4.23, C-4.28.
#pragma once

#include <span>

#include "ops/context.h"
#include "optim/groups.h"

namespace lathe::optim {

enum class MuonForm {
  kSeed,    // rows C-4.10 to C-4.15
  kNewest,  // row C-4.28: rows of equal norm first, margin 1.01, renormalised after
  kOld,     // row C-4.23: Newton-Schulz, no variance reduction, no decay
};

// State of one group: all matrices have one shape (R, C). Float32 (row C-4.9).
struct MuonState {
  Tensor momentum;       // (N, R, C)
  Tensor second_moment;  // (N, R, 1) if R >= C, else (N, 1, C)
};

// Zeros on the parameters' device. Throws "[muon] ..." unless all parameters are matrices of one shape.
MuonState make_muon_state(const ParamGroup& group);

// One update of every parameter of the group that has a gradient; the others keep value and state. `precision` is that of
// the iteration: kFloat32, or kBFloat16 with the rounding points of row C-4.15. lr of the group is multiplied by
// sqrt(max(1, R / C)) here. Gradients are multiplied by grad_scale as they are read. Refreshes the compute copies. Work
// memory comes from the context's arena. CPU and meta only.
void muon_step(ops::Context& ctx, const ParamGroup& group, const MuonState& state, MuonForm form, DType precision, float grad_scale);

}  // namespace lathe::optim
