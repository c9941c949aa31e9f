#pragma once
// What a search found, as text.
#include "attend/run/copies.h"
#include "attend/run/runner.h"

namespace attend {

// With the vocabulary's pieces, or the source's own words where they stand for a token.
ScoredText scored_text(const Tokenizer& tokenizer, const FoundHypothesis& found, const CopyWords& words = {});

// The same control over a part of the items, whose numbers among all are `numbers`.
SearchControl over_part(const SearchControl& control, std::span<const std::size_t> numbers);

}  // namespace attend
