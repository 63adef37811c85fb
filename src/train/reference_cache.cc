#include "train/reference_cache.h"

#include <cmath>

#include "core/log.h"
#include "core/sha256.h"
#include "tensor/safetensors.h"

namespace lathe::train {

Status write_reference_cache(const fs::path& file, const ReferenceCache& cache) {
  const auto n = std::ssize(cache.sums);
  Tensor sums = Tensor::empty({n, 2}, DType::kFloat32);
  for (int64_t i = 0; i < n; ++i) {
    sums.data<float>()[2 * i] = cache.sums[static_cast<size_t>(i)].chosen;
    sums.data<float>()[2 * i + 1] = cache.sums[static_cast<size_t>(i)].rejected;
  }
  LATHE_TRY_STATUS(make_folders(file.parent_path()));
  return write_safetensors(file, {{"log_probabilities", sums}}, {{"key", cache.key.dump()}});
}

Result<ReferenceCache> read_reference_cache(const fs::path& file, const Json& key, int64_t pairs) {
  LATHE_TRY(const SafetensorsFile read, read_safetensors(file));
  const auto bad = [&](const std::string& what) { return error_at(file.string(), -1, what); };
  const auto entry = read.metadata.find("key");
  if (entry == read.metadata.end()) return bad("states no key");
  ReferenceCache cache;
  LATHE_TRY(cache.key, parse_json(entry->second, file.string()));
  for (const auto& [name, value] : key.as_object())
    if (const Json* had = cache.key.find(name); had == nullptr || !(*had == value))
      return bad("was computed with another " + name);
  if (cache.key.size() != key.size()) return bad("was computed with other settings");
  const Tensor* sums = read.find("log_probabilities");
  if (sums == nullptr || sums->dtype() != DType::kFloat32 || sums->rank() != 2 || sums->dim(1) != 2)
    return bad("holds no log-probabilities");
  if (sums->dim(0) != pairs) return bad(join_text("holds ", sums->dim(0), " pairs, the data have ", pairs));
  for (int64_t i = 0; i < pairs; ++i) {
    const AnswerSums one{sums->data<float>()[2 * i], sums->data<float>()[2 * i + 1]};
    if (!std::isfinite(one.chosen) || !std::isfinite(one.rejected)) return bad(join_text("pair ", i, " is not finite"));
    cache.sums.push_back(one);
  }
  return cache;
}

Result<std::vector<AnswerSums>> reference_sums(const fs::path& file, const Json& key, int64_t pairs,
                                               const std::function<std::vector<AnswerSums>()>& compute) {
  std::error_code code;
  if (fs::exists(file, code)) {
    Result<ReferenceCache> cache = read_reference_cache(file, key, pairs);
    if (cache.ok()) {
      log_info("dpo", "reference log-probabilities of ", pairs, " pairs from ", file.string());
      return std::move(cache.value().sums);
    }
    log_warning("dpo", "reference log-probabilities are computed anew: ", cache.error().to_string());
  }
  log_info("dpo", "computing the reference log-probabilities of ", pairs, " pairs, once");
  ReferenceCache cache{key, compute()};
  // A run goes on without the file: a resumed one computes them again.
  if (const Status written = write_reference_cache(file, cache); written.ok())
    log_info("dpo", "reference log-probabilities of ", pairs, " pairs written to ", file.string());
  else
    log_warning("dpo", "the reference log-probabilities are not kept: ", written.error().to_string());
  return std::move(cache.sums);
}

std::string weights_sha256(const std::vector<autograd::Parameter*>& parameters) {
  Sha256 sum;
  for (const autograd::Parameter* p : parameters) {
    const Tensor& numbers = p->compute ? p->compute : p->value;
    sum.update(join_text(p->name, " ", numbers.shape(), "\n"));
    sum.update(numbers.raw(), static_cast<size_t>(numbers.bytes()));
  }
  return sum.hex_digest();
}

}  // namespace lathe::train
