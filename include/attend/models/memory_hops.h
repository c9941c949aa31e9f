#pragma once
#include "attend/models/answerer.h"

namespace attend {

/// Of memory_hops.
struct MemoryHopsOptions {
  std::int64_t hops, statements;  ///< looks into the story; statements that it holds
  bool position_encoding;

  MemoryHopsOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Answers a question about a story by looking into it several times (Sukhbaatar et al. 2015, §2): a statement i is
/// m_i = Σ_j l_j ⊙ A w_ij + T_A(i) as a key and c_i, with tables of its own, as a value; u_0 = Σ_j l_j ⊙ B w_j of the question; per hop
/// p = softmax(u · m), o = Σ p_i c_i, u ← u + o; answer = softmax(W u). Tables of adjacent hops are shared: A of a hop is C of the hop
/// before, B is the first A. l: `position_encoding`, l_kj = (1 − j/J) − (k/N)(1 − 2j/J), j = 1..J, else 1. T(i): one vector for each age of
/// a statement, the latest being 0. Reads Questions::statements, counts, question, linear; statements beyond `statements` are refused.
/// In training a tenth of the ages is passed over at random (random noise, §4.1). Sites: hops, a layer each, [B, 1, 1, M].
std::shared_ptr<Answerer> make_memory_hops(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers);

}  // namespace attend
