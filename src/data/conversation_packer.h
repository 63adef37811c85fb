// Packs rendered conversations into rows for fine-tuning: best fit, never cropped at the end of a row, the rest of a
// row padded with BOS whose targets are ignored. Rows C-8.8, C-8.9, C-8.11 to 8.13, C-8.31, C-8.37; trap L3.
#pragma once

#include "data/token_loader.h"
#include "dist/communicator.h"

namespace lathe::data {

struct RenderedConversation {
  std::vector<int32_t> ids;
  std::vector<uint8_t> mask;  // of each id: 1 = written by the assistant, so trained
};

class ConversationSource {
 public:
  virtual ~ConversationSource() = default;
  virtual int64_t size() const = 0;
  // Conversation 0 <= index < size(), the same at every call. Not empty.
  virtual Status get(int64_t index, RenderedConversation& conversation) = 0;
};

enum class TargetMode {
  kCompletion,  // the target at t is trained iff token t + 1 has mask 1
  kEveryToken,  // every token of a conversation; the origin's older behaviour
};

enum class EpochMode {
  // An epoch uses every conversation exactly once, in an order shuffled by (seed, epoch), ranks taking every W-th. At
  // its
  // end the buffer is emptied before the next epoch starts. After the last epoch only masked rows follow.
  kExact,
  // The origin: conversations in source order, endless; the buffer runs into the next pass.
  kCompatible,
};

struct ConversationPackerOptions {
  int64_t rows = 32;       // B
  int64_t columns = 2048;  // T
  int32_t bos_id = 0;
  int64_t rank = 0, world = 1;
  int64_t buffer_size = 100;
  TargetMode targets = TargetMode::kCompletion;
  EpochMode epochs = EpochMode::kExact;
  int64_t num_epochs = 1;       // kExact; 0 = endless
  uint64_t seed = 42;           // kExact
  int64_t num_iterations = -1;  // kCompatible: batches until the last step; -1 = one epoch
};

// After a batch.
struct PackerProgress {
  bool last_step = false;  // kExact: this rank has placed all its conversations; kCompatible: C-8.13
  double progress = 0;     // kExact: share of this rank's conversations of all epochs (of the epoch, when endless)
  int64_t epoch = 1;       // of the conversation fetched last
  int64_t placed = 0;      // conversations in rows so far
  int64_t cut = 0;         // conversations longer than T + 1, cut to it
};

class ConversationPacker : public TokenLoader {
 public:
  virtual const PackerProgress& progress() const = 0;
};

// `source` must outlive the packer. A source that is empty or has fewer conversations than ranks is an error of next().
// Resumes exactly; there is no other mode.
std::unique_ptr<ConversationPacker> conversation_packer(ConversationSource& source,
                                                        const ConversationPackerOptions& options);

// The same decision on every rank: kCompatible stops when any rank is at its last step, kExact when all are (C-8.13).
Result<bool> agree_last_step(dist::Communicator& ranks, EpochMode mode, bool last_step);

}  // namespace lathe::data
