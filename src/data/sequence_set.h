// Token sequences of one length, addressed by number: what the samplers and loaders draw from. Behind it stand packed
// folders, token files of other programs and the token stream of the small trainer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lathe::data {

// Immutable, for any number of threads.
class SequenceSet {
 public:
  virtual ~SequenceSet() = default;
  virtual const std::string& name() const = 0;  // for messages: the folder or file
  virtual int64_t size() const = 0;
  virtual int64_t sequence_length() const = 0;  // T
  // Sequence 0 <= index < size(): T + 1 ids, so that every one of the T inputs has its target (row L-4.5).
  virtual void read(int64_t index, std::span<int32_t> ids) const = 0;
  // How many of the last targets of a sequence are padding and must not be trained on (row L-4.4); mostly 0.
  virtual int64_t padding(int64_t /*index*/) const { return 0; }
  // For conversations: 1 for each of the T targets that is trained, 0 for the others. False, and nothing written, where all
  // but the padding are.
  virtual bool trained(int64_t /*index*/, std::span<uint8_t> /*targets*/) const { return false; }
  // Appends the positions 0 <= p < T of a sequence at which a document starts, ascending; a sequence that goes on with
  // a document has none at 0 (row L-4.8). Empty where the set does not know its documents.
  virtual void document_starts(int64_t /*index*/, std::vector<int32_t>& /*positions*/) const {}
};

}  // namespace lathe::data
