// One token for each code point of a training text (rows L-3.25, L-3.27).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

// Collects the code points of a stream of text; at most Unicode's 1,112,064.
class CharCounter {
 public:
  Status add(std::string_view text);  // error when it is not valid UTF-8
  std::vector<std::string> tokens() const;  // sorted, one code point each

 private:
  std::set<char32_t> seen_;
};

class CharModel : public TokenModel {
 public:
  // Error unless each token is one code point, ascending.
  static Result<std::shared_ptr<const CharModel>> make(std::vector<std::string> tokens);
  static Result<std::shared_ptr<const CharModel>> from_json(const Json& file, const std::string& path);

  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }
  std::string_view token(int32_t id) const override { return tokens_[static_cast<size_t>(id)]; }
  // Leaves out what it has not seen, with one warning a call that says how much; check() finds it beforehand.
  void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override;
  Status check(std::string_view text) const override;
  Json to_json() const override;
  std::string canonical_bytes() const override;

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<char32_t, int32_t> ids_;
};

}  // namespace lathe::tokenizer
