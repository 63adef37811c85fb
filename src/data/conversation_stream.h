// Two older ways to train on conversations, beside packing (conversation_packer.h): the flat stream of mid-training, and the
// origin's first fine-tuning with one conversation a row. Rows C-8.19, C-8.20.
#pragma once

#include "data/conversation_packer.h"

namespace lathe::data {

// Conversations in source order, one behind the other, cut into rows wherever these end: no padding, every token but the very
// first is a target once (kCompletion: those with mask 1). The last token of a batch is the first input of the next one; the
// origin drops it. An epoch ends with the batch during which the source is used up; that batch is filled from the next pass.
// Of the options buffer_size, seed, epochs and num_iterations mean nothing here.
std::unique_ptr<ConversationPacker> conversation_stream(ConversationSource& source, const ConversationPackerOptions& options);

// Row b of a batch is one conversation, in source order, cut to T + 1 tokens and padded with `pad_id`, whose targets are ignored.
// What does not fill a batch at the end of an epoch is left out, as in the origin; the next epoch starts anew. A source with less
// than one batch is an error of next().
std::unique_ptr<ConversationPacker> conversation_rows(ConversationSource& source, const ConversationPackerOptions& options, int32_t pad_id);

}  // namespace lathe::data
