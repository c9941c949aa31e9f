#pragma once
#include "attend/layers/ntm.h"
#include "attend/models/seq2seq.h"

namespace attend {

/// Of ntm_model.
struct NtmModelOptions {
  NtmOptions machine;  ///< but for its sizes of input and controller, which are embedding and hidden

  NtmModelOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// A neural Turing machine as an encoder–decoder (Graves, Wayne & Danihelka 2014): one controller with one memory reads the source, then
/// writes the target, its input being the token before; what is said is read off [h_t; r_t]. It attends to nothing but its memory.
/// Site ntm.read: for each target step, how far what it reads was written at each source step, Σ_i r_t(i) w_s(i) over the rows i of the
/// memory, summed over heads and at most 1: [B, 1, T, S], unnormalised.
std::shared_ptr<Seq2Seq> make_ntm_model(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

}  // namespace attend
