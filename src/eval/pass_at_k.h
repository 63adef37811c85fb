// pass@k over sampled answers: the share of problems with a right one among the first k samples (rows C-9.13, C-9.14, C-9.19).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dist/communicator.h"
#include "infer/rollout.h"

namespace lathe::eval {

// outcomes: per problem, every sample's; all of one length n. Shares for k = 1 to n; empty without problems.
std::vector<double> pass_at_k(std::span<const std::vector<bool>> outcomes);

// The chance that k of n samples, of which c are right, hold a right one: 1 - C(n - c, k) / C(n, k) (Chen et al. 2021,
// arXiv:2107.03374, in the form without large numbers). 0 <= c <= n, 1 <= k <= n.
double unbiased_pass_at_k(int64_t n, int64_t c, int64_t k);

// Sampling is fixed (row C-9.19) and every problem draws the same numbers (seed 42): two models are compared on like terms.
struct PassOptions {
  int64_t max_problems = 400;  // the first so many; -1: all
  int64_t samples = 8;
  int64_t rows = 256;          // generated together at most
  int64_t max_new_tokens = 256, top_k = 50;
  double temperature = 1;
  uint64_t seed = 42;
};

struct PassScore {
  int64_t problems = 0;
  std::vector<double> pass;      // pass[k - 1]
  double right = 0;              // of all samples: what pass@1 tends to, with less noise
  double sequence_length = 0;    // mean, prompt included
  double seconds = 0;
  std::string line() const;      // "Pass@1: 0.3125, Pass@2: ..."
};

// Rank r answers problems r, r + W, ...; the score is that of all ranks, on each of them. When cancelled, that of the problems
// answered.
Result<PassScore> measure_pass(infer::Engine& engine, const tasks::ProblemSet& problems, const PassOptions& options,
                               dist::Communicator& world, const infer::IsCancelled& is_cancelled = {});

}  // namespace lathe::eval
