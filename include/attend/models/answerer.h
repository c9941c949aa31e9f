#pragma once
// Models that answer: classes of texts and pictures, words of a document, words about a story.
#include "attend/models/seq2seq.h"

namespace attend {

/// A batch of what is asked about. A model reads the parts that are its own; the others stay undefined. What stands behind a length is
/// padding: any id of the vocabulary.
struct Questions {
  at::Tensor text, text_lengths;          ///< int64 [B, S], [B]: a text to classify, a document
  at::Tensor types;                       ///< int64 [B, S]: the type of each token of the text, where model.token_types asks; undefined = 0
  at::Tensor words;                       ///< int64 [B, S]: equal numbers stand for equal words of the item's document
  at::Tensor question, question_lengths;  ///< int64 [B, T], [B]
  at::Tensor statements, counts;          ///< int64 [B, M, L], oldest first; [B] statements of each item
  at::Tensor statement_lengths;           ///< int64 [B, M]: tokens of each statement
  at::Tensor pictures;                    ///< float32 [B, C, H, W], 0 black to 1 white
  bool linear = false;                    ///< memory_hops: no softmax, as in the first part of a training with linear start
  std::int64_t batch() const;
};

/// p(answer | what is asked about) as a network. Threads may share it as any Network.
class Answerer : public Network {
 public:
  /// ln p [B, A]. Of classifiers and memory_hops A is how many answers there are: the pieces of a vocabulary that stand for text
  /// (ordinary_ids). Of readers A is S, and every place of the document has ln p of its word; −inf in padding.
  virtual at::Tensor answer(const Questions& questions, Observer* observer) const = 0;
};

}  // namespace attend
