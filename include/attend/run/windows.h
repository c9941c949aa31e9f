#pragma once
// One long text as language models read it: window by window.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "attend/measure/metrics.h"
#include "attend/models/seq2seq.h"
#include "attend/text/tokenizer.h"

namespace attend {

/// Calls `take` for each line, without its end.
void each_line(std::string_view text, const std::function<void(std::string_view)>& take);

/// Token ids of a text, every line closed by </s>, and the characters that they spell: a run of white space is one, none stands at
/// either end of a line, and the line's end counts as one. `unknown` of the tokens are <unk>, whose characters count although the model
/// never spells them.
struct Stream {
  std::vector<std::int32_t> ids;
  std::int32_t begin = 0;  ///< what stands before the first of them: <s>
  std::uint64_t characters = 0, unknown = 0;
};
Stream stream_of(const Tokenizer& tokenizer, std::string_view text);

/// A place in a stream, and how many tokens are read together there.
struct Window {
  std::size_t begin, size;
};
struct Windows {
  at::Tensor inputs, wanted, lengths;  ///< int64 [B, T]: what is read before each token, the token; [B]
  at::Tensor live, targets;            ///< int64 [n] places in [B·T], [n]: what is wanted within the lengths
};
Windows windows_of(const Stream& stream, const std::vector<Window>& windows);
/// States of a language model before its output layer, [B, T, N].
at::Tensor states_of(const Seq2Seq& model, const Windows& batch, Observer* observer = nullptr);

/// The lines of a text that was drawn past its line ends: what stands between </s> and </s>.
std::vector<std::string> lines_of(const Tokenizer& tokenizer, const std::vector<std::int32_t>& tokens);

/// What there is to count metrics of a language model from.
inline constexpr MetricNeeds kTextHas{MetricNeed::kProbabilities, MetricNeed::kTokens, MetricNeed::kCharacters};

}  // namespace attend
