#pragma once
// Small models whose every number can be worked out by hand.
#include "attend/store/model_folder.h"

namespace attend {

/// What the worked example reads and what it says.
inline constexpr const char* kWorkedExampleSource = "I love you";
inline constexpr const char* kWorkedExampleTarget = "我爱你";

/// A recurrent encoder–decoder that translates "I love you" into 我爱你: one-layer tanh cells of size 3 without biases, dot attention
/// with timing before, tanh bridge, linear readout; float64, evaluation mode.
///   h_i = tanh(2 x_i + 0.5 h_{i−1}), x one-hot;  s_0 = tanh(W_b h_you);
///   c_t from s_{t−1};  s_t = tanh(E y_{t−1} + 0.5 s_{t−1} + 0.5 c_t);  logits A s_t + C c_t over </s>, 我, 爱, 你.
/// <unk>, <pad> and <s> have probability 0. Its encoder reads the words alone: text.source_end is false.
TranslationModel worked_example_rnn();

}  // namespace attend
