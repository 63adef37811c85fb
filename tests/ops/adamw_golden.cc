// The parts of the golden set `optim` that the elementwise AdamW kernel alone answers for.
#include <gtest/gtest.h>

#include "core/parallel.h"
#include "ops/update.h"
#include "tensor/safetensors.h"
#include "tests/ops/tensors.h"
#include "tests/ref/testing.h"

namespace lathe::ops::test {
namespace {

// C-4.4
TEST(AdamwGolden, ReferenceStepsAndMomentsMatch) {
  const auto folder = testing::golden("optim");
  LATHE_NEEDS(folder);
  const Json config = testing::read_json_or_fail(folder / "config.json");
  const SafetensorsFile inputs = testing::take(read_safetensors(folder / "inputs.safetensors"));
  const auto& runs = config.at("adamw").as_object();
  EXPECT_FALSE(runs.empty());
  const int before = num_threads();
  for (const int threads : {1, 2})
    for (const auto& [run, options] : runs) {
      set_num_threads(threads);
      const SafetensorsFile expected = testing::take(read_safetensors(folder / (run + ".safetensors")));
      int64_t compared = 0;
      for (const auto& [key, start] : inputs.tensors) {
        if (key.rfind("param.", 0) != 0) continue;
        const std::string name = key.substr(6);
        if (expected.find(name + ".step0") == nullptr) continue;
        Context ctx;
        const Tensor p = start.clone(), m = Tensor::zeros(p.shape(), DType::kFloat32), v = Tensor::zeros(p.shape(), DType::kFloat32);
        const auto& rates = config.at("lr").as_array();
        for (size_t step = 0; step < rates.size(); ++step) {
          const Tensor g = inputs.find("grad." + name)->rows(static_cast<int64_t>(step), static_cast<int64_t>(step) + 1);
          adamw_update(ctx, p, g, m, v,
                       {static_cast<float>(rates[step].as_double()), static_cast<float>(options.at("betas").at(0).as_double()),
                        static_cast<float>(options.at("betas").at(1).as_double()), static_cast<float>(options.at("eps").as_double()),
                        static_cast<float>(options.at("weight_decay").as_double()), static_cast<int64_t>(step) + 1},
                       1, Tensor());
          const Tensor* after = expected.find(name + ".step" + std::to_string(step));
          ASSERT_NE(after, nullptr) << run << " " << name;
          EXPECT_TRUE(testing::is_close(read_values(p), read_values(*after), {2e-6, 0})) << run << " " << name << " step " << step;
          ++compared;
        }
        EXPECT_TRUE(testing::is_close(read_values(m), read_values(*expected.find(name + ".exp_avg")), {1e-6, 0})) << run << " " << name;
        EXPECT_TRUE(testing::is_close(read_values(v), read_values(*expected.find(name + ".exp_avg_sq")), {1e-6, 0})) << run << " " << name;
      }
      EXPECT_GT(compared, 0) << run;
    }
  set_num_threads(before);
}

}  // namespace
}  // namespace lathe::ops::test
